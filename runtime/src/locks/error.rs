use std::io;

/// Why a lock was not granted; `advisory-locks.wit` documents each case.
#[derive(Debug)]
pub(super) enum Error {
    TimedOut,
    Deadlock,
    TooMany,
    InvalidName,
    LockFile(io::Error),
    /// The directory of the lock file was replaced since the instance was created.
    Moved,
}

/// How a lock excludes others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    Shared,
    Exclusive,
}
