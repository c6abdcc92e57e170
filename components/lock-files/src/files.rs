//! What the locks need of a directory. Paths are relative to it.

use alloc::string::String;
use alloc::vec::Vec;

/// Whether a file's lock can be relied on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lease {
    /// Its holder may be at work.
    Running,
    /// It has run out: whoever made the file is dead, or too late.
    Over,
}

/// A directory with its clock.
pub trait Files {
    /// Why an operation failed.
    type Error;

    /// Make a file, stamped with the time. Says whether it did: not when there is one, nor when its directory is
    /// missing.
    fn create(&self, path: &str) -> Result<bool, Self::Error>;

    /// The lease that began with a file's stamp; none when there is no file.
    fn lease(&self, path: &str) -> Result<Option<Lease>, Self::Error>;

    /// Stamp a file with the time.
    fn renew(&self, path: &str) -> Result<(), Self::Error>;

    /// Remove a file, if there is one.
    fn remove(&self, path: &str) -> Result<(), Self::Error>;

    /// Make a directory, if there is none.
    fn make_directory(&self, path: &str) -> Result<(), Self::Error>;

    /// The names in a directory, in no order; none when there is no directory. One that is added or removed meanwhile
    /// may be among them or not.
    fn names(&self, path: &str) -> Result<Option<Vec<String>>, Self::Error>;

    /// Remove a directory, if it is there and empty.
    fn remove_directory(&self, path: &str) -> Result<(), Self::Error>;
}
