//! The form, the counter, and how to try them.

use maud::{Markup, html};

use super::edit::FIELDS;
use crate::pages::{layout::layout, notice};

pub fn page(notice: Option<&str>, [title, text]: &[alloc::string::String; 2], count: i64) -> Markup {
    let content = html! {
        (notice::show(notice))
        div.cards {
            section.card.wide aria-labelledby="notes" {
                h1 #notes { "Notes" }
                p { "Open them in "
                    a href="/notes" target="_blank" rel="noopener" { "a second tab" span.hidden { " (opens a new tab)" } }
                    " and change them in both. Different fields: both changes are kept. The same field: whoever saves last is asked." }
                form.stack method="post" action="/notes" {
                    (was(0, title)) (was(1, text))
                    div {
                        label for="title" { "Title" }
                        input #title name="title" value=(title) maxlength="100" autocomplete="off";
                    }
                    div { label for="text" { "Text" } (textarea("text", text, 1000)) }
                    div { button.primary { "Save" } }
                }
            }
            section.card.wide aria-labelledby="count" {
                h2 #count { "Shared counter" }
                p.statement { "Shared counter: " (count) }
                form method="post" action="/notes/count" { button { "Add one" } }
                p.note { "Concurrent tabs do not wait for each other, and their increments add up." }
            }
        }
    };
    layout("Notes", "/notes", &content)
}

/// The text that the form was built from.
pub fn was(index: usize, stored: &str) -> Markup {
    html! { input type="hidden" name={ (FIELDS[index].name) "-was" } value=(stored); }
}

/// HTML drops the first line feed in it, so a text may start with one.
pub fn textarea(name: &str, text: &str, longest: u32) -> Markup {
    html! { textarea id=(name) name=(name) rows="5" maxlength=(longest) { "\n" (text) } }
}
