//! Why a request failed, and its response.

use alloc::{borrow::ToOwned, format, string::String, vec::Vec};

use maud::Markup;

use crate::bindings::{Error, HeaderField};
use crate::pages::error;
use crate::response::Response;

/// A failed request.
pub struct Failure {
    pub reason: Reason,
    /// The header fields that finished the session.
    fields: Vec<HeaderField>,
}

pub enum Reason {
    /// An error of the manager or the store.
    Sessions(Error),
    /// The request is invalid: a status and a text.
    Refused(u16, String),
    /// No route has this path.
    NoSuchPage,
    /// The route has only these methods.
    WrongMethod(String),
    /// The visitor must first decide or confirm something: a status, and the page that asks for it.
    Asks(u16, Markup),
    /// A simulated failure midway, for `incrementfail` and `logoutfail`.
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
                if matches!(error, Error::Busy | Error::Unavailable(_)) {
                    response.with("retry-after", "1")
                } else {
                    response
                }
            }
            Self::Refused(status, text) => page(status, refusal(status), &text),
            Self::Asks(status, page) => Response::page(status, page),
            Self::NoSuchPage => page(404, "There is no such page", "The address may be misspelt."),
            Self::WrongMethod(allowed) => {
                let text = format!("Allowed methods: {allowed}.");
                page(405, "Method not allowed", &text).with("allow", &allowed)
            }
            Self::OnPurpose => page(
                500,
                "This request failed on purpose",
                "It changed the session and then failed. Nothing was stored: go back and see.",
            ),
        }
    }
}

/// A page with a status, a title and a text.
fn page(status: u16, title: &str, text: &str) -> Response {
    Response::page(status, error::page(status, title, text))
}

fn refusal(status: u16) -> &'static str {
    match status {
        403 => "This is not allowed",
        413 => "The request is too large",
        _ => "The request is invalid",
    }
}

fn explain(error: &Error) -> (u16, &'static str, String) {
    let retry = "Nothing was changed. Reload the page and try again.";
    match error {
        Error::InvalidId(text) => (400, "This is not a session id", reason(text)),
        Error::InvalidArgument(text) => (400, "The value is invalid", reason(text)),
        Error::TooLarge(limit) => (413, "The session is full", format!("It may hold at most {limit} bytes.")),
        Error::Gone => (409, "Your session was ended elsewhere", retry.to_owned()),
        Error::Conflict(_) => (409, "The session was changed elsewhere", retry.to_owned()),
        Error::Busy => {
            let text =
                "Other requests are using it, or there are too many new sessions from your address. Try again later.";
            (503, "Your session is busy", text.to_owned())
        }
        Error::Unavailable(text) => (503, "The session store is unavailable", reason(text)),
        Error::NoSpace(text) => (507, "There is no space left", reason(text)),
        Error::AccessDenied(text) => (500, "Access to the session store was denied", reason(text)),
        Error::NoSuchStore(text) => (500, "There is no session store", reason(text)),
        Error::Corrupt(text) => (500, "The session cannot be read", reason(text)),
        Error::OutcomeUnknown(text) => (500, "This may or may not have been stored", reason(text)),
        Error::Io(text) | Error::Other(text) => (500, "The session store failed", reason(text)),
        Error::AlreadyExists => (500, "The session store failed", "The session already exists.".to_owned()),
        Error::Deadlock => (500, "The session store failed", "Requests are waiting for each other.".to_owned()),
    }
}

/// The store's message, which is not a sentence.
fn reason(text: &str) -> String {
    format!("Reason: {text}.")
}
