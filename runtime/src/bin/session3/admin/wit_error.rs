//! The contract's errors as messages that say what to do.

use crate::place::Place;
use session_runtime::bindings::exports::session3::sessions::session_store::Error;
use wasmtime::format_err;

pub fn explain(error: Error, store: &Place) -> wasmtime::Error {
    let name = store.name();
    match error {
        Error::NoSuchStore(_) => store.no_store(),
        Error::InvalidId(why) => format_err!("that is no session id: {why}; `session3 ls` shows the ids"),
        Error::InvalidArgument(why) => format_err!("{why}"),
        Error::Gone => format_err!("the session is gone"),
        Error::Busy => format_err!("another process holds the session; try again"),
        Error::Deadlock => format_err!("another process waits for this one; try again"),
        Error::AlreadyExists => format_err!("it already exists"),
        Error::Conflict(version) => format_err!("another process has just saved version {version}; try again"),
        Error::TooLarge(limit) => format_err!("the data exceeds {limit} bytes"),
        Error::Corrupt(why) => format_err!("the session is corrupt: {why}"),
        Error::AccessDenied(why) => format_err!("not allowed in {name}: {why}"),
        Error::NoSpace(why) => format_err!("no space left for {name}: {why}"),
        Error::Unavailable(why) => format_err!("{name} is unavailable: {why}"),
        Error::Io(why) => format_err!("{name} cannot be read or written: {why}"),
        Error::OutcomeUnknown(why) => format_err!("{name} failed; the outcome is unknown: {why}"),
        Error::Other(why) => format_err!("{why}"),
    }
}
