//! Login: who, and for how long.

use alloc::format;

use maud::{Markup, html};

use super::actions::then_home;
use super::countdown::Countdowns;
use super::view::{View, moment};
use crate::bindings::Access;
use crate::failure::Failure;
use crate::request::Request;
use crate::response::Response;

pub fn submit(request: &Request) -> Result<Response, Failure> {
    let form = request.form()?;
    let name = form.required("user")?;
    let name = name.trim();
    if name.is_empty() || name.len() > 256 {
        return Err(Failure::refused(400, "A name must be 1 to 256 bytes."));
    }
    let is_remembered = form.value("remember").is_some();
    then_home(request, Access::Optimistic, |session| {
        session.set_user(Some(name))?;
        // Also when the user was already logged in.
        session.mark_authenticated()?;
        session.remember(is_remembered)?;
        Ok(format!("Logged in as {name}."))
    })
}

pub fn card(view: &View, countdowns: &mut Countdowns) -> Markup {
    html! {
        section.card aria-labelledby="user" {
            h2 #user { "Who you are" }
            @if let Some(user) = &view.user {
                p.statement { "Logged in as " strong { (user) } }
                p { (lasting(view)) }
                @if let Some(end) = view.expires { p.note { "That is in " (countdowns.until(end)) "." } }
                div.actions {
                    form method="post" action="/logout" { button { "Log out" } }
                    a.button href="/devices" { "Your devices" }
                }
            } @else {
                p.statement { "Nobody is logged in." }
            }
            (form(view.user.is_some()))
        }
    }
}

fn lasting(view: &View) -> Markup {
    html! {
        @match (view.expires, view.is_remembered) {
            (Some(end), true) => { strong { "Remembered" } " until " (moment(end)) ", even after the browser closes." }
            (Some(end), false) => { "Until the browser closes, and not longer than " (moment(end)) " without a visit." }
            (None, _) => { "For as long as the session is kept." }
        }
    }
}

fn form(is_logged_in: bool) -> Markup {
    html! {
        form.stack method="post" action="/login" {
            div {
                label for="name" { @if is_logged_in { "Log in as another user" } @else { "Name" } }
                div.row {
                    input #name name="user" required maxlength="256" autocomplete="username" aria-describedby="login-note";
                    button.primary { "Log in" }
                }
            }
            label.choice { input type="checkbox" name="remember" value="yes"; " Remember me on this device for 30 days" }
            p.note #login-note { "No password: this is a demo. The session continues under a new ID, and the old one is dead." }
        }
    }
}
