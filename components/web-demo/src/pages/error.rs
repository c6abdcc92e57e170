//! The page of a failed request.

use maud::{Markup, html};

use super::layout::layout;

pub fn page(status: u16, title: &str, text: &str) -> Markup {
    let content = html! {
        section.card.narrow {
            p { span.badge.bad { (status) } }
            h1 { (title) }
            p { (text) }
            p.actions { a.button href="/" { "Back to the session" } }
        }
    };
    layout(title, "", &content)
}
