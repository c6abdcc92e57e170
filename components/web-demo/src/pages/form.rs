//! A form that can be submitted once.

use maud::{Markup, html};

use super::layout::layout;
use crate::bindings::{Access, Error};
use crate::failure::{Failure, Reason};
use crate::request::Request;
use crate::response::Response;
use crate::sessions;

pub fn show(request: &Request) -> Result<Response, Failure> {
    // Create a token only for a page that is viewed.
    if sessions::to_show(request) == Access::ReadOnly {
        return Ok(Response::page(200, offer()));
    }
    let shown = sessions::work(request, Access::Optimistic, |session| Ok(session.create_form_token()?))?;
    Ok(Response::page(200, page(&shown.value)).with_all(shown.fields))
}

fn offer() -> Markup {
    let content = html! {
        section.card.narrow {
            h1 { "One-time form" }
            p.actions { a.button href="/form" { "Open the form" } }
        }
    };
    layout("One-time form", "/form", &content)
}

fn page(token: &str) -> Markup {
    let content = html! {
        section.card.narrow {
            h1 { "One-time form" }
            p { "Send it, then reload the answer, which sends it again: the second time it is refused." }
            form method="post" action="/form" {
                input type="hidden" name="token" value=(token);
                label for="message" { "Message" }
                div.row {
                    input #message name="message" required maxlength="1000" autocomplete="off";
                    button.primary { "Send" }
                }
            }
        }
    };
    layout("One-time form", "/form", &content)
}

pub fn submit(request: &Request) -> Result<Response, Failure> {
    let form = request.form()?;
    let token = form.value("token").unwrap_or_default();
    let message = form.value("message").unwrap_or_default();
    let used = sessions::work(request, Access::Optimistic, |session| {
        if session.has_form_token(&token) && session.remove_form_token(&token)? { Ok(()) } else { Err(not_accepted()) }
    });
    match used {
        Ok(used) => Ok(Response::page(200, accepted(&message)).with_all(used.fields)),
        // Another request consumed the token meanwhile; the session ended with it if it held nothing else.
        Err(Failure { reason: Reason::Sessions(Error::Conflict(_) | Error::Gone), .. }) => Err(not_accepted()),
        Err(failure) => Err(failure),
    }
}

fn not_accepted() -> Failure {
    Failure::refused(403, "This form was sent already, or its token is not yours.")
}

fn accepted(message: &str) -> Markup {
    let content = html! {
        section.card.narrow {
            h1 { "Thank you" }
            p.statement role="status" { "Accepted: " (message) }
            p.actions { a.button href="/form" { "A new form" } " " a.button href="/" { "Back to the session" } }
        }
    };
    layout("Accepted", "/form", &content)
}
