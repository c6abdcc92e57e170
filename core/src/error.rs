//! Errors: the variant `error` of the WIT interface `session-store`, case by case.

use alloc::string::String;
use core::fmt;

/// See `wit/session-store.wit` for the promises of each case. Messages are for people.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "wit/session-store.wit documents each case; a second text would drift")]
pub enum Error {
    InvalidId(String),
    InvalidArgument(String),
    TooLarge(u32),
    AlreadyExists,
    Gone,
    Conflict(u64),
    Busy,
    Deadlock,
    Corrupt(String),
    NoSuchStore(String),
    AccessDenied(String),
    NoSpace(String),
    Io(String),
    Unavailable(String),
    OutcomeUnknown(String),
    Other(String),
}

/// The result of an operation.
pub type Result<T> = core::result::Result<T, Error>;

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidId(text)
            | Self::InvalidArgument(text)
            | Self::Corrupt(text)
            | Self::NoSuchStore(text)
            | Self::AccessDenied(text)
            | Self::NoSpace(text)
            | Self::Io(text)
            | Self::Unavailable(text)
            | Self::OutcomeUnknown(text)
            | Self::Other(text) => f.write_str(text),
            Self::TooLarge(limit) => write!(f, "the data has more than {limit} bytes"),
            Self::AlreadyExists => f.write_str("it already exists"),
            Self::Gone => f.write_str("there is no such session"),
            Self::Conflict(version) => write!(f, "another save came first; the version is now {version}"),
            Self::Busy => f.write_str("the session is locked by others"),
            Self::Deadlock => f.write_str("waiting for this lock would deadlock"),
        }
    }
}

impl core::error::Error for Error {}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    #[test]
    fn every_case_has_a_text() {
        let text = || "why".to_string();
        for error in [
            Error::InvalidId(text()),
            Error::InvalidArgument(text()),
            Error::Corrupt(text()),
            Error::NoSuchStore(text()),
            Error::AccessDenied(text()),
            Error::NoSpace(text()),
            Error::Io(text()),
            Error::Unavailable(text()),
            Error::OutcomeUnknown(text()),
            Error::Other(text()),
        ] {
            assert_eq!(error.to_string(), "why");
        }
        assert_eq!(Error::TooLarge(9).to_string(), "the data has more than 9 bytes");
        assert_eq!(Error::AlreadyExists.to_string(), "it already exists");
        assert_eq!(Error::Gone.to_string(), "there is no such session");
        assert_eq!(Error::Conflict(3).to_string(), "another save came first; the version is now 3");
        assert_eq!(Error::Busy.to_string(), "the session is locked by others");
        assert_eq!(Error::Deadlock.to_string(), "waiting for this lock would deadlock");
    }
}
