//! Operations as data, their outcomes, and a model of the expected outcomes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use session_conformance::bindings::{Contents, Session};
use session_conformance::client::data;

/// One call. Sessions are numbered, and their contents are derived from a number.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Operation {
    /// `create-session`
    Create {
        /// The session.
        id: u64,
        /// The value to store.
        value: u64,
    },
    /// `load-session`
    Load {
        /// The session.
        id: u64,
    },
    /// `save-session`
    Save {
        /// The session.
        id: u64,
        /// The value to store.
        value: u64,
        /// The expected version, if any.
        expected: Option<u64>,
    },
    /// `touch-session`
    Touch {
        /// The session.
        id: u64,
    },
    /// `delete-session`
    Delete {
        /// The session.
        id: u64,
    },
    /// `rename-session`
    Rename {
        /// The session.
        id: u64,
        /// Its new id.
        to: u64,
    },
}

/// The outcome of a call.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Outcome {
    /// A session was created, with this version.
    Created(u64),
    /// A load returned this version and value, or no session.
    Loaded(Option<(u64, u64)>),
    /// A save stored this version.
    Saved(u64),
    /// A touch succeeded.
    Touched,
    /// A delete returned whether the session existed.
    Deleted(bool),
    /// After a delete there is no session; whether there was one is not known.
    Ended,
    /// A rename succeeded.
    Renamed,
    /// An error, as returned by [`kind`](session_conformance::check::kind).
    Refused(String),
    /// A load returned contents that were never stored.
    Torn(String),
}

/// The id of a session.
pub fn name(id: u64) -> String {
    format!("session-{id}")
}

/// The contents for a value: an optional owner, and bytes that all derive from the first ones, which reveals a torn or
/// mixed record. Some fit in place of the previous contents, others do not, and some take many pages.
pub fn contents(value: u64) -> Contents {
    let length = match value % 8 {
        0 => 5_000,
        1 => 70_000,
        _ => value * 37 % 400,
    };
    let mut bytes = value.to_le_bytes().to_vec();
    bytes.resize(8 + length as usize, value as u8);
    let owner = [None, Some("ann"), Some("bob")][(value % 3) as usize];
    Contents { owner: owner.map(str::to_owned), ..data(bytes) }
}

/// The outcome of a load.
pub fn loaded(session: Option<&Session>) -> Outcome {
    let Some(session) = session else { return Outcome::Loaded(None) };
    let Some(head) = session.data.first_chunk() else { return Outcome::Torn("without data".into()) };
    let value = u64::from_le_bytes(*head);
    let wanted = contents(value);
    if session.data != wanted.data || session.info.owner != wanted.owner {
        return Outcome::Torn(format!("{:?} with data that begins like that of {value}", session.info));
    }
    Outcome::Loaded(Some((session.info.version, value)))
}

/// An in-memory model of a store for one client at a time: the version and value of each session.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Sessions(pub BTreeMap<u64, (u64, u64)>);

impl Sessions {
    /// Performs an operation.
    pub fn perform(&mut self, operation: &Operation) -> Outcome {
        let refused = |why: &str| Outcome::Refused(why.into());
        let sessions = &mut self.0;
        match *operation {
            Operation::Create { id, .. } if sessions.contains_key(&id) => refused("already-exists"),
            Operation::Create { id, value } => {
                sessions.insert(id, (1, value));
                Outcome::Created(1)
            }
            Operation::Load { id } => Outcome::Loaded(sessions.get(&id).copied()),
            Operation::Save { id, value, expected } => match sessions.get_mut(&id) {
                None => refused("gone"),
                Some((version, _)) if expected.is_some_and(|expected| expected != *version) => {
                    Outcome::Refused(format!("conflict {version}"))
                }
                Some(session) => {
                    *session = (session.0 + 1, value);
                    Outcome::Saved(session.0)
                }
            },
            Operation::Touch { id } if sessions.contains_key(&id) => Outcome::Touched,
            Operation::Touch { .. } => refused("gone"),
            Operation::Delete { id } => Outcome::Deleted(sessions.remove(&id).is_some()),
            Operation::Rename { id: _, to } if sessions.contains_key(&to) => refused("already-exists"),
            Operation::Rename { id, to } => match sessions.remove(&id) {
                None => refused("gone"),
                Some(session) => {
                    sessions.insert(to, session);
                    Outcome::Renamed
                }
            },
        }
    }
}
