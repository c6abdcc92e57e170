use std::io;

/// Why a lock was not granted; `advisory-locks.wit` documents each case.
#[derive(Debug)]
pub(crate) enum Error {
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
pub(crate) enum Mode {
    Shared,
    Exclusive,
}
