//! Errors that several operations share.

use alloc::format;
use alloc::string::String;

use session_core::SessionId;
use session_core::engine::Holder;
use session_core::error::Error;

/// A holder's token, as scripts take it: nothing if there is none.
pub(crate) fn token(holder: Option<Holder>) -> String {
    holder.map_or_else(String::new, |Holder(token)| format!("{token:032x}"))
}

/// The record of a session is not one.
pub(crate) fn corrupt(id: &SessionId, place: &str) -> Error {
    Error::Corrupt(format!("the record of session {id} on the server is damaged; it is kept under the key {place}"))
}
