//! The faults of one host call.

use std::fmt;
use std::str::FromStr;

use wasmtime_wasi::p2::bindings::sync::filesystem::types::ErrorCode;

/// A fault at a host call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// The instance dies before the call.
    Trap,
    /// The call has no effect and fails with this error.
    Refused(Refusal),
    /// The call takes effect but fails with `io`.
    AfterEffect,
    /// This call and all later ones have no effect and fail with `io`.
    Dead,
    /// A read or write transfers half of the bytes.
    Short,
    /// A sync fails; the pages are clean afterwards, and programs still see the new content.
    SyncFails,
    /// A sync fails; the pages are clean afterwards, and programs see the old content again.
    SyncFailsAndEvicts,
}

/// A file system error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// The disk is full.
    Enospc,
    /// The medium failed.
    Eio,
    /// The quota is exceeded.
    Edquot,
    /// Too many open files. WASI has no code for it; as `io` is in this list already, this stands for hosts with
    /// another code.
    Emfile,
    /// Permission denied.
    Eacces,
    /// Interrupted by a signal.
    Eintr,
}

impl Refusal {
    /// The error code that the component sees.
    pub fn code(self) -> ErrorCode {
        match self {
            Self::Enospc => ErrorCode::InsufficientSpace,
            Self::Eio => ErrorCode::Io,
            Self::Edquot => ErrorCode::Quota,
            Self::Emfile => ErrorCode::InsufficientMemory,
            Self::Eacces => ErrorCode::Access,
            Self::Eintr => ErrorCode::Interrupted,
        }
    }
}

/// Every fault of a single call, with its name in scripts.
pub const ALL: [(&str, Fault); 11] = [
    ("trap", Fault::Trap),
    ("enospc", Fault::Refused(Refusal::Enospc)),
    ("eio", Fault::Refused(Refusal::Eio)),
    ("edquot", Fault::Refused(Refusal::Edquot)),
    ("emfile", Fault::Refused(Refusal::Emfile)),
    ("eacces", Fault::Refused(Refusal::Eacces)),
    ("eintr", Fault::Refused(Refusal::Eintr)),
    ("after-effect", Fault::AfterEffect),
    ("short", Fault::Short),
    ("sync-fails", Fault::SyncFails),
    ("sync-fails-and-evicts", Fault::SyncFailsAndEvicts),
];

impl Fault {
    /// Whether this fault can occur at a call of this function.
    pub fn happens_at(self, function: &str) -> bool {
        match self {
            // A process may die at any call; calls without an error code cannot fail.
            Self::Trap => true,
            Self::Short => matches!(function, "read" | "write"),
            Self::SyncFails | Self::SyncFailsAndEvicts => function == "sync-data",
            Self::AfterEffect => matches!(
                function,
                "open-at"
                    | "write"
                    | "sync-data"
                    | "set-times"
                    | "rename-at"
                    | "unlink-file-at"
                    | "create-directory-at"
                    | "remove-directory-at"
            ),
            Self::Refused(_) | Self::Dead => {
                !matches!(function, "now" | "get-random-u64" | "get-directories" | "acquire" | "drop")
            }
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = ALL.iter().find(|(_, fault)| fault == self).map_or("", |(name, _)| name);
        f.write_str(name)
    }
}

impl FromStr for Fault {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = ALL.iter().find(|(name, _)| *name == text);
        found.map(|(_, fault)| *fault).ok_or_else(|| format!("unknown fault `{text}`"))
    }
}
