//! Why an operation was not done: the variant `error` of the WIT interface `session-store`, case by case.

use alloc::string::String;
use core::fmt;

/// See `wit/session-store.wit` for what each case promises. Texts are for people.
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
    OutcomeUnknown(String),
    Other(String),
}

/// What an operation answers.
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
            | Self::OutcomeUnknown(text)
            | Self::Other(text) => f.write_str(text),
            Self::TooLarge(limit) => write!(f, "the data has more than {limit} bytes"),
            Self::AlreadyExists => f.write_str("it exists already"),
            Self::Gone => f.write_str("there is no such session"),
            Self::Conflict(version) => write!(f, "another save came first: the version is {version} now"),
            Self::Busy => f.write_str("the session is locked by others"),
            Self::Deadlock => f.write_str("waiting for this lock would never end"),
        }
    }
}

impl core::error::Error for Error {}
