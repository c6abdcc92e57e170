//! The data of a managed session: decoding and encoding round-trip.

use session_core::state::State;
use session_core::{Error, json};

pub fn holds(data: &[u8]) {
    of_data(data);
    of_json(&String::from_utf8_lossy(data));
}

pub fn of_data(data: &[u8]) {
    let state = match State::decode(data) {
        Ok(state) => state,
        Err(Error::Corrupt(_)) => return,
        Err(other) => panic!("{other:?}"),
    };
    let encoded = state.encode().expect("encode");
    assert!(encoded.len() <= data.len(), "{} bytes became {}", data.len(), encoded.len());
    let again = State::decode(&encoded).expect("its own encoding");
    assert!(again.secret.matches(&state.secret));
    assert_eq!(again.user, state.user);
    assert_eq!(again.remote_address, state.remote_address);
    assert_eq!(again.attributes, state.attributes);
    assert!(again.tokens.len() == state.tokens.len() && state.tokens.iter().all(|token| again.tokens.has(token)));
    assert_eq!(again.encode().expect("encode"), encoded);
    for (name, value) in state.attributes.iter() {
        assert_eq!(again.attributes.get(name), Some(value));
    }
}

/// A text is accepted as JSON if a JSON parser accepts it. Three things a parser may refuse are valid all the same: a
/// number out of its range, a lone surrogate, and, at the maximum depth, its own recursion limit.
pub fn of_json(text: &str) {
    let checked = json::check(text);
    let reason = match (&checked, serde_json::from_str::<serde_json::Value>(text)) {
        (Ok(()), Ok(_)) => return,
        (Err(reason), Ok(_)) => panic!("{text:?} is JSON: {reason}"),
        (_, Err(reason)) => reason.to_string(),
    };
    let readable = ["number out of range", "lone leading surrogate", "unexpected end of hex escape", "recursion limit"];
    if checked.is_ok() {
        assert!(readable.iter().any(|each| reason.starts_with(each)), "{text:?} is not JSON: {reason}");
    }
}
