//! Why a request was not done, and what its answer says about it.

use alloc::{borrow::ToOwned, format, string::String, vec::Vec};

use maud::Markup;

use crate::bindings::{Error, HeaderField};
use crate::http::Response;
use crate::pages;

/// A request that was not done.
pub struct Failure {
    pub reason: Reason,
    /// What finished the session, to send with the answer.
    fields: Vec<HeaderField>,
}

pub enum Reason {
    /// The manager or the store.
    Sessions(Error),
    /// The request itself: a status and a text.
    Refused(u16, String),
    /// Neither the path nor anything below it is ours.
    NoSuchPage,
    /// The page is there, for these methods.
    WrongMethod(String),
    /// The visitor has to decide or to prove something first: a status, and the page that asks for it.
    Asks(u16, Markup),
    /// The application broke down half-way, which is what `incrementfail` and `logoutfail` are for.
    OnPurpose,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Reason::Sessions(error).into()
    }
}

impl From<Reason> for Failure {
    fn from(reason: Reason) -> Self {
        Self { reason, fields: Vec::new() }
    }
}

impl Failure {
    pub fn refused(status: u16, text: &str) -> Self {
        Reason::Refused(status, text.to_owned()).into()
    }

    pub fn with_all(self, fields: Vec<HeaderField>) -> Self {
        Self { fields, ..self }
    }

    pub fn into_response(self) -> Response {
        self.reason.into_response().with_all(self.fields)
    }
}

impl Reason {
    fn into_response(self) -> Response {
        match self {
            Self::Sessions(error) => {
                let (status, title, text) = explain(&error);
                let response = page(status, title, &text);
                if matches!(error, Error::Busy) { response.with("retry-after", "1") } else { response }
            }
            Self::Refused(status, text) => page(status, refusal(status), &text),
            Self::Asks(status, page) => Response::page(status, page),
            Self::NoSuchPage => page(404, "There is no such page", "The address may be misspelt."),
            Self::WrongMethod(allowed) => {
                let text = format!("It answers these methods: {allowed}.");
                page(405, "This page cannot do that", &text).with("allow", &allowed)
            }
            Self::OnPurpose => page(
                500,
                "This request failed on purpose",
                "It had changed the session and then broke down. Nothing of it was stored: go back and see.",
            ),
        }
    }
}

/// A status, a title and a text for people.
fn page(status: u16, title: &str, text: &str) -> Response {
    Response::page(status, pages::error(status, title, text))
}

fn refusal(status: u16) -> &'static str {
    match status {
        403 => "This is not allowed",
        413 => "That is too much",
        _ => "That did not make sense",
    }
}

fn explain(error: &Error) -> (u16, &'static str, String) {
    let retry = "Nothing was changed. Reload the page and try again.";
    match error {
        Error::InvalidId(text) => (400, "That is not the id of a session", reason(text)),
        Error::InvalidArgument(text) => (400, "The value cannot be used", reason(text)),
        Error::TooLarge(limit) => (413, "The session is full", format!("It may hold at most {limit} bytes.")),
        Error::Gone => (409, "Your session was ended elsewhere", retry.to_owned()),
        Error::Conflict(_) => (409, "The session was changed elsewhere", retry.to_owned()),
        Error::Busy => {
            let text =
                "Other requests are working on it, or too many have begun at your address. Try again in a while.";
            (503, "Your session is busy", text.to_owned())
        }
        Error::NoSpace(text) => (507, "There is no space left", reason(text)),
        Error::AccessDenied(text) => (500, "The session store may not be used", reason(text)),
        Error::NoSuchStore(text) => (500, "There is no session store", reason(text)),
        Error::Corrupt(text) => (500, "The session cannot be read", reason(text)),
        Error::OutcomeUnknown(text) => (500, "It is not known whether this was stored", reason(text)),
        Error::Io(text) | Error::Other(text) => (500, "The session store failed", reason(text)),
        Error::AlreadyExists => (500, "The session store failed", "The session exists already.".to_owned()),
        Error::Deadlock => (500, "The session store failed", "Requests are waiting for each other.".to_owned()),
    }
}

/// The store's own words, which are no sentence.
fn reason(text: &str) -> String {
    format!("The reason: {text}.")
}
