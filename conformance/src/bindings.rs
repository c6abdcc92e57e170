//! The generated types of the contract under short names.

use session_runtime::bindings as generated;

pub use generated::exports::session3::sessions::session_manager::{
    Access, CapPolicy, Client, Device, SameSite, Transport, Value,
};
pub use generated::exports::session3::sessions::session_store::{
    Contents, Durability, Error, GarbageReport, LockMode, Options, Page, Session, SessionInfo, Usage,
};
pub use generated::session3::sessions::{advisory_locks, session_events};
pub use generated::{FileBacked, FileBackedPre};

/// The result of an operation of the contract.
pub type Answer<T> = std::result::Result<T, Error>;
