//! A message for the page after a redirect: kept in the session as a flash value, and shown once.

use alloc::{borrow::ToOwned, string::String};

use maud::{Markup, html};

use crate::bindings::{Session, Value};
use crate::failure::Failure;

const NAME: &str = "notice";

/// What is said after a session has ended, when there is none to keep a message in: the query that asks for it.
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
