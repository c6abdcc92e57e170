//! Asks which version to keep, when two tabs have changed the same field.

use alloc::{format, string::String};

use maud::{Markup, html};

use super::edit::{Edit, FIELDS, Field};
use super::page::{textarea, was};
use crate::pages::layout::layout;

pub fn page(edits: &[Edit; 2], stored: &[String; 2]) -> Markup {
    let content = html! {
        section.card {
            p { span.badge.bad { "409" } }
            h1 { "Another tab was faster" }
            p { "It changed the same field after you opened the form. Your changes are not stored yet: choose what to keep." }
            form.stack method="post" action="/notes" {
                @for (index, field) in FIELDS.into_iter().enumerate() {
                    @let (edit, stored) = (&edits[index], &stored[index]);
                    @if edit.is_conflict(stored) {
                        (was(index, stored))
                        (question(field, &edit.text, stored))
                    } @else {
                        (was(index, &edit.was))
                        input type="hidden" name=(field.name) value=(edit.text);
                    }
                }
                div.actions { button.primary { "Save my choice" } a.button href="/notes" { "Discard my changes" } }
            }
        }
    };
    layout("Another tab was faster", "/notes", &content)
}

fn question(Field { name, label, .. }: Field, mine: &str, stored: &str) -> Markup {
    let (choice, merged) = (format!("{name}-choice"), format!("{name}-merged"));
    let both = format!("{stored}\n{mine}");
    html! {
        fieldset {
            legend { (label) }
            input type="hidden" name=(name) value=(mine);
            div.versions {
                div { (option(&choice, "stored", "Keep the stored text", false)) (version(stored)) }
                div { (option(&choice, "mine", "Use my text", true)) (version(mine)) }
                div {
                    (option(&choice, "merged", "Use this text, which you can edit", false))
                    label.hidden for=(merged) { (label) ", merged" }
                    @if name == "title" {
                        input id=(merged) name=(merged) value=(both.replace('\n', " ")) maxlength="201" autocomplete="off";
                    } @else {
                        (textarea(&merged, &both, 3000))
                    }
                }
            }
        }
    }
}

fn option(name: &str, value: &str, text: &str, is_chosen: bool) -> Markup {
    html! { label.choice { input type="radio" name=(name) value=(value) checked[is_chosen]; " " (text) } }
}

fn version(text: &str) -> Markup {
    html! { pre.version { @if text.is_empty() { em { "empty" } } @else { (text) } } }
}
