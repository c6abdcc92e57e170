//! The generated types of the contract under short names. No other file names the generated modules.

use session_runtime::bindings as generated;

pub use generated::exports::session3::sessions::session_manager::{Access, SameSite, Value};
pub use generated::exports::session3::sessions::session_store::{
    Contents, Durability, Error, GarbageReport, LockMode, Options, Page, Session, SessionInfo,
};
pub use generated::session3::sessions::advisory_locks;
pub use generated::{FileBacked, FileBackedPre};

/// What an operation of the contract answers.
pub type Answer<T> = Result<T, Error>;
