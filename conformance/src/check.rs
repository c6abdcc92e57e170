//! One-line assertions, so that a test reads as a table. A failure points at the row.

use std::fmt::Debug;

use crate::bindings::{Answer, Error};

/// An error as one word, with its number if it has one: `gone`, `conflict 3`. Its message must not be empty.
#[track_caller]
pub fn kind(error: &Error) -> String {
    let (name, text) = match error {
        Error::TooLarge(limit) => return format!("too-large {limit}"),
        Error::Conflict(version) => return format!("conflict {version}"),
        Error::AlreadyExists => return "already-exists".into(),
        Error::Gone => return "gone".into(),
        Error::Busy => return "busy".into(),
        Error::Deadlock => return "deadlock".into(),
        Error::InvalidId(text) => ("invalid-id", text),
        Error::InvalidArgument(text) => ("invalid-argument", text),
        Error::Corrupt(text) => ("corrupt", text),
        Error::NoSuchStore(text) => ("no-such-store", text),
        Error::AccessDenied(text) => ("access-denied", text),
        Error::NoSpace(text) => ("no-space", text),
        Error::Io(text) => ("io", text),
        Error::Unavailable(text) => ("unavailable", text),
        Error::OutcomeUnknown(text) => ("outcome-unknown", text),
        Error::Other(text) => ("other", text),
    };
    assert!(!text.is_empty(), "`{name}` has a message");
    name.into()
}

/// Asserts that the operation failed with `expected`.
#[track_caller]
pub fn refused<T: Debug>(answer: Answer<T>, expected: &str) {
    refused_for(answer, expected, &"");
}

/// Asserts that the operation failed with `expected`; `row` identifies the row of a table.
#[track_caller]
pub fn refused_for<T: Debug>(answer: Answer<T>, expected: &str, row: &dyn Debug) {
    match answer {
        Ok(value) => panic!("{row:?}: expected `{expected}`, got {value:?}"),
        Err(error) => assert_eq!(kind(&error), expected, "{row:?}: {error:?}"),
    }
}

/// Asserts that two values print alike: the generated types do not implement `PartialEq`.
#[track_caller]
pub fn same(left: &impl Debug, right: &impl Debug) {
    assert_eq!(format!("{left:#?}"), format!("{right:#?}"));
}
