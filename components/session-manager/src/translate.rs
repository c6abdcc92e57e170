//! Records and errors as they come from the store.

use alloc::vec::Vec;

use session_core::SessionId;
use session_core::error::{Error, Result};
use session_core::store::{Contents, Record};

use crate::bindings::session3::sessions::session_store as wit;

/// An id that the store has given. It is somebody else's, so it is checked.
pub fn id(id: &str) -> Result<SessionId> {
    SessionId::parse(id).map_err(|_| Error::Corrupt("the store has named a session by what is no session id".into()))
}

/// A session as one record.
pub fn record(info: wit::SessionInfo, data: Vec<u8>) -> Result<Record> {
    Ok(Record {
        id: id(&info.id)?,
        version: info.version,
        created: info.created,
        modified: info.modified,
        last_active: info.last_active,
        contents: Contents { data, owner: info.owner, idle_timeout: info.idle_timeout, deadline: info.deadline },
    })
}

impl TryFrom<wit::Session> for Record {
    type Error = Error;

    fn try_from(session: wit::Session) -> Result<Self> {
        record(session.info, session.data)
    }
}

impl From<Contents> for wit::Contents {
    fn from(contents: Contents) -> Self {
        Self {
            data: contents.data,
            owner: contents.owner,
            idle_timeout: contents.idle_timeout,
            deadline: contents.deadline,
        }
    }
}

impl From<wit::Error> for Error {
    // Out of line: every call may end in one.
    #[inline(never)]
    fn from(error: wit::Error) -> Self {
        match error {
            wit::Error::InvalidId(text) => Self::InvalidId(text),
            wit::Error::InvalidArgument(text) => Self::InvalidArgument(text),
            wit::Error::TooLarge(limit) => Self::TooLarge(limit),
            wit::Error::AlreadyExists => Self::AlreadyExists,
            wit::Error::Gone => Self::Gone,
            wit::Error::Conflict(version) => Self::Conflict(version),
            wit::Error::Busy => Self::Busy,
            wit::Error::Deadlock => Self::Deadlock,
            wit::Error::Corrupt(text) => Self::Corrupt(text),
            wit::Error::NoSuchStore(text) => Self::NoSuchStore(text),
            wit::Error::AccessDenied(text) => Self::AccessDenied(text),
            wit::Error::NoSpace(text) => Self::NoSpace(text),
            wit::Error::Io(text) => Self::Io(text),
            wit::Error::OutcomeUnknown(text) => Self::OutcomeUnknown(text),
            wit::Error::Other(text) => Self::Other(text),
        }
    }
}
