//! An id is 8 to 128 characters of `0-9 a-z _ -`, nothing else.

use session_core::{Error, SessionId};

pub fn holds(data: &[u8]) {
    of_text(&String::from_utf8_lossy(data));
    let generated = SessionId::generate(std::array::from_fn(|at| data.get(at).copied().unwrap_or(0)));
    assert_eq!(generated.as_str().len(), 32);
    of_text(generated.as_str());
}

pub fn of_text(text: &str) {
    match SessionId::parse(text) {
        Ok(id) => {
            assert!(is_id(text), "{text:?} was accepted");
            assert_eq!(id.as_str(), text);
            assert_eq!((id.to_string(), format!("{id:?}")), (text.to_string(), text.to_string()));
            assert_eq!(id.shard(), SessionId::parse(id.as_str()).expect("again").shard());
        }
        Err(Error::InvalidId(reason)) => {
            assert!(!is_id(text), "{text:?} was refused: {reason}");
            // The error does not repeat a possible secret: another text with the same mistake at the same position has
            // the same error.
            let other: String = text.bytes().map(|b| if is_of_id(b.into()) { 'x' } else { '.' }).collect();
            assert_eq!(SessionId::parse(&other), Err(Error::InvalidId(reason)));
        }
        Err(other) => panic!("{text:?}: {other:?}"),
    }
}

/// An independent implementation.
pub fn is_id(text: &str) -> bool {
    let outside = text.trim_start_matches(is_of_id);
    outside.is_empty() && text.chars().count() >= 8 && text.chars().count() <= 128
}

fn is_of_id(c: char) -> bool {
    "0123456789abcdefghijklmnopqrstuvwxyz_-".contains(c)
}
