//! Error conversion.

use session_core::Error;

use crate::bindings::exports::session3::sessions::session_manager as wit;

impl From<Error> for wit::Error {
    // Not inlined: every export returns errors.
    #[inline(never)]
    fn from(error: Error) -> Self {
        match error {
            Error::InvalidId(text) => Self::InvalidId(text),
            Error::InvalidArgument(text) => Self::InvalidArgument(text),
            Error::TooLarge(limit) => Self::TooLarge(limit),
            Error::AlreadyExists => Self::AlreadyExists,
            Error::Gone => Self::Gone,
            Error::Conflict(version) => Self::Conflict(version),
            Error::Busy => Self::Busy,
            Error::Deadlock => Self::Deadlock,
            Error::Corrupt(text) => Self::Corrupt(text),
            Error::NoSuchStore(text) => Self::NoSuchStore(text),
            Error::AccessDenied(text) => Self::AccessDenied(text),
            Error::NoSpace(text) => Self::NoSpace(text),
            Error::Io(text) => Self::Io(text),
            Error::Unavailable(text) => Self::Unavailable(text),
            Error::OutcomeUnknown(text) => Self::OutcomeUnknown(text),
            Error::Other(text) => Self::Other(text),
        }
    }
}
