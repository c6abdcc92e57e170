//! What can go wrong at one host call.

use std::fmt;
use std::str::FromStr;

use wasmtime_wasi::p2::bindings::sync::filesystem::types::ErrorCode;

/// A fault at a host call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// The instance dies before the call.
    Trap,
    /// The call does nothing and answers this.
    Refused(Refusal),
    /// The call does what it should and answers `io`.
    AfterEffect,
    /// This call and all that come do nothing and answer `io`.
    Dead,
    /// A read or write that transfers half of what it was asked for.
    Short,
    /// A sync fails; the pages are clean afterwards, and programs still see the new content.
    SyncFails,
    /// A sync fails; the pages are clean afterwards, and programs see the old content again.
    SyncFailsAndEvicts,
}

/// An error that a file system answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// The disk is full.
    Enospc,
    /// The medium failed.
    Eio,
    /// The quota is used up.
    Edquot,
    /// Too many open files. WASI has no code for it; `io` is in this list already, so hosts that say otherwise count.
    Emfile,
    /// Permission denied.
    Eacces,
    /// A signal came in between.
    Eintr,
}

impl Refusal {
    /// As the component sees it.
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

/// Every fault of a single call with its name in a script.
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
    /// Whether this can happen at a call of this function.
    pub fn happens_at(self, function: &str) -> bool {
        match self {
            // A process may end at any moment; calls that answer no error code cannot fail.
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
        found.map(|(_, fault)| *fault).ok_or_else(|| format!("no fault is called `{text}`"))
    }
}
