//! A message for the page after a redirect: stored in the session as a flash value, shown once.

use alloc::{borrow::ToOwned, string::String};

use maud::{Markup, html};

use crate::bindings::{Session, Value};
use crate::failure::Failure;

const NAME: &str = "notice";

/// Query strings for the message after a logout, when there is no session to keep it in.
pub const LOGGED_OUT: &str = "logged-out";
pub const LOGGED_OUT_EVERYWHERE: &str = "logged-out-everywhere";

pub fn leave(session: &Session, text: &str) -> Result<(), Failure> {
    Ok(session.set_flash(NAME, &Value::Text(text.to_owned()))?)
}

pub fn take(session: &Session) -> Option<String> {
    match session.take_flash(NAME) {
        Some(Value::Text(text)) => Some(text),
        _ => None,
    }
}

pub fn farewell(query: &str) -> Option<&'static str> {
    match query {
        LOGGED_OUT => Some("Logged out. The session has ended."),
        LOGGED_OUT_EVERYWHERE => Some("Logged out everywhere. All sessions have ended."),
        _ => None,
    }
}

pub fn show(text: Option<&str>) -> Markup {
    html! { @if let Some(text) = text { p.notice role="status" { (text) } } }
}
