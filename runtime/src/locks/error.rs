use std::io;

/// Why a lock was not granted; `advisory-locks.wit` says more on each.
#[derive(Debug)]
pub(super) enum Error {
    TimedOut,
    Deadlock,
    TooMany,
    InvalidName,
    LockFile(io::Error),
    /// The directory of the lock file is another one than when the instance began.
    Moved,
}

/// How a lock excludes others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    Shared,
    Exclusive,
}
