//! The explored operations, and the sessions they use.

use session_conformance::bindings::Contents;

/// A session that may exist, be created, be renamed and so on.
pub const A: &str = "session-a";
/// Another one.
pub const B: &str = "session-b";
/// A session that is expired from the start.
pub const EXPIRED: &str = "session-e";
/// A session with a damaged file.
pub const DAMAGED: &str = "session-d";
/// The owner of all sessions.
pub const OWNER: &str = "ann";

/// The idle timeout of all sessions, in milliseconds.
pub const IDLE: u64 = 30 * 60 * 1000;

/// An operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    /// `create-session`
    Create,
    /// `save-session`, with data of the same size.
    Save,
    /// `save-session`, with more data than the file has room for.
    Outgrow,
    /// `touch-session`
    Touch,
    /// `delete-session`
    Delete,
    /// `rename-session`
    Rename,
    /// `collect-garbage`, to the end
    CollectGarbage,
    /// `delete-sessions-of`
    DeleteSessionsOf,
}

/// Every operation, with its name in scripts.
pub const ALL: [(&str, Operation); 8] = [
    ("create", Operation::Create),
    ("save", Operation::Save),
    ("outgrow", Operation::Outgrow),
    ("touch", Operation::Touch),
    ("delete", Operation::Delete),
    ("rename", Operation::Rename),
    ("collect-garbage", Operation::CollectGarbage),
    ("delete-sessions-of", Operation::DeleteSessionsOf),
];

/// The contents of every session, with this data.
pub fn contents(data: &[u8]) -> Contents {
    Contents { data: data.to_vec(), owner: Some(OWNER.into()), idle_timeout: Some(IDLE), deadline: None }
}
