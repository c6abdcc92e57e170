//! The operations that are explored, and what each is to do.

use session_conformance::bindings::Contents;

/// A session that may exist, be created, renamed and so on.
pub const A: &str = "session-a";
/// Another one.
pub const B: &str = "session-b";
/// One that has expired, at the start already.
pub const EXPIRED: &str = "session-e";
/// One whose file is damaged.
pub const DAMAGED: &str = "session-d";
/// Whose sessions they all are.
pub const OWNER: &str = "ann";

/// Sessions expire when unused for this long, in milliseconds.
pub const IDLE: u64 = 30 * 60 * 1000;

/// An operation on whatever session there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    /// `create-session`
    Create,
    /// `save-session`, of as much data as before.
    Save,
    /// `save-session`, of more than the file has room for.
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

/// Every operation with its name in a script.
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

/// What all sessions hold, but for their data.
pub fn contents(data: &[u8]) -> Contents {
    Contents { data: data.to_vec(), owner: Some(OWNER.into()), idle_timeout: Some(IDLE), deadline: None }
}
