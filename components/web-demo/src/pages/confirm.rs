//! "Confirm that it is you": sensitive actions need a recent authentication.

use alloc::{borrow::ToOwned, string::String};

use maud::{Markup, html};

use super::actions::then;
use super::layout::layout;
use crate::bindings::{Access, Session};
use crate::failure::{Failure, Reason};
use crate::request::{Form, Request};
use crate::response::Response;
use crate::sessions;

/// How long a confirmation is valid.
pub const MINUTES: u32 = 15;

const PATH: &str = "/devices/confirm";

/// Confirmation without a pending action.
pub fn show(request: &Request) -> Result<Response, Failure> {
    let shown = sessions::work(request, Access::ReadOnly, user)?;
    Ok(Response::page(200, page(PATH, None, false)).with_all(shown.fields))
}

pub fn submit(request: &Request) -> Result<Response, Failure> {
    let form = request.form()?;
    then(request, Access::Optimistic, "/devices", |session| {
        prove(session, PATH, &form)?;
        Ok("Confirmed: it is you.".to_owned())
    })
}

pub fn user(session: &Session) -> Result<String, Failure> {
    session.user().ok_or_else(|| Failure::refused(403, "You are not logged in, or no longer."))
}

/// Continues only for a user who has authenticated recently, or does so with this form. Others are asked to, and their
/// action, `path` and the form's `id`, is then performed.
pub fn require(session: &Session, path: &str, form: &Form) -> Result<(), Failure> {
    if form.value("confirm").is_some() || !session.authenticated_within(MINUTES) {
        prove(session, path, form)?;
    }
    Ok(())
}

/// A real site would ask for a password here, or a second factor.
fn prove(session: &Session, path: &str, form: &Form) -> Result<(), Failure> {
    let (user, said) = (user(session)?, form.value("confirm"));
    if said.as_deref().map(str::trim) != Some(&user) {
        let page = page(path, form.value("id").as_deref(), said.is_some());
        return Err(Reason::Asks(403, page).into());
    }
    Ok(session.mark_authenticated()?)
}

fn page(path: &str, id: Option<&str>, is_wrong: bool) -> Markup {
    let content = html! {
        section.card.narrow {
            h1 { "Confirm that it is you" }
            @if path != PATH {
                p { "You last did so more than " (MINUTES) " minutes ago, and the next step ends a session." }
            }
            @if is_wrong { p.warning role="alert" { "That is not the name you are logged in with." } }
            form.stack method="post" action=(path) {
                @if let Some(id) = id { input type="hidden" name="id" value=(id); }
                div {
                    label for="confirm" { "The name you are logged in with" }
                    div.row {
                        input #confirm name="confirm" required maxlength="256" autocomplete="off" aria-describedby="confirm-note";
                        button.primary { "Confirm" }
                    }
                }
                p.note #confirm-note { "No password: this is a demo. A real site would ask for one, or for a second factor." }
            }
            p.actions { a.button href="/devices" { "Back to the devices" } }
        }
    };
    layout("Confirm that it is you", "/devices", &content)
}
