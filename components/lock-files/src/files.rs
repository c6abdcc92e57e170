//! The directory operations that locks need. Paths are relative to it.

use alloc::string::String;
use alloc::vec::Vec;

/// The state of a lock file's lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lease {
    /// The holder may be active.
    Running,
    /// Expired: the holder is dead, or too late.
    Over,
}

/// A directory and its clock.
pub trait Files {
    /// Why an operation failed.
    type Error;

    /// Creates a file, stamped with the current time. Returns false when it exists or its directory is missing.
    fn create(&self, path: &str) -> Result<bool, Self::Error>;

    /// The lease that started with a file's stamp; none when the file is missing.
    fn lease(&self, path: &str) -> Result<Option<Lease>, Self::Error>;

    /// Stamps a file with the current time.
    fn renew(&self, path: &str) -> Result<(), Self::Error>;

    /// Removes a file, if present.
    fn remove(&self, path: &str) -> Result<(), Self::Error>;

    /// Creates a directory, if missing.
    fn make_directory(&self, path: &str) -> Result<(), Self::Error>;

    /// The names in a directory, in no order; none when it is missing. Names added or removed meanwhile may or may not
    /// be included.
    fn names(&self, path: &str) -> Result<Option<Vec<String>>, Self::Error>;

    /// Removes a directory if it is present and empty.
    fn remove_directory(&self, path: &str) -> Result<(), Self::Error>;
}
