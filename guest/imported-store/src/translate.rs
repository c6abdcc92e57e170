//! Conversion of arguments, records and errors.

use session_core::SessionId;
use session_core::error::{Error, Result};
use session_core::store::{Contents, Durability, GarbageReport, Info, LockMode, Options, Record};

use crate::bindings::session3::sessions::session_store as wit;

/// Validates an id returned by the store, which is another party's code.
pub fn id(id: &str) -> Result<SessionId> {
    SessionId::parse(id).map_err(|_| Error::Corrupt("the store returned an invalid session id".into()))
}

impl TryFrom<wit::Session> for Record {
    type Error = Error;

    fn try_from(session: wit::Session) -> Result<Self> {
        let wit::Session { info, data } = session;
        Ok(Self {
            id: id(&info.id)?,
            version: info.version,
            created: info.created,
            modified: info.modified,
            last_active: info.last_active,
            contents: Contents { data, owner: info.owner, idle_timeout: info.idle_timeout, deadline: info.deadline },
        })
    }
}

impl From<Record> for wit::Session {
    fn from(record: Record) -> Self {
        let Info { id, version, created, modified, last_active, owner, idle_timeout, deadline, size } = record.info();
        let id = id.as_str().into();
        let info =
            wit::SessionInfo { id, version, owner, created, modified, last_active, idle_timeout, deadline, size };
        Self { info, data: record.contents.data }
    }
}

impl TryFrom<wit::SessionInfo> for Info {
    type Error = Error;

    fn try_from(info: wit::SessionInfo) -> Result<Self> {
        Ok(Self {
            id: id(&info.id)?,
            version: info.version,
            created: info.created,
            modified: info.modified,
            last_active: info.last_active,
            owner: info.owner,
            idle_timeout: info.idle_timeout,
            deadline: info.deadline,
            size: info.size,
        })
    }
}

impl From<wit::GarbageReport> for GarbageReport {
    fn from(report: wit::GarbageReport) -> Self {
        Self {
            examined: report.examined,
            expired: report.expired,
            abandoned: report.abandoned,
            repaired: report.repaired,
            resume: report.resume,
        }
    }
}

impl From<Options> for wit::Options {
    fn from(options: Options) -> Self {
        Self {
            create: options.create,
            durability: match options.durability {
                Durability::Relaxed => wit::Durability::Relaxed,
                Durability::Durable => wit::Durability::Durable,
            },
            size_limit: Some(options.size_limit),
            lock_wait: Some(options.lock_wait),
        }
    }
}

impl From<LockMode> for wit::LockMode {
    fn from(mode: LockMode) -> Self {
        match mode {
            LockMode::Shared => Self::Shared,
            LockMode::Exclusive => Self::Exclusive,
        }
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
    // Not inlined: every call may fail.
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
            wit::Error::Unavailable(text) => Self::Unavailable(text),
            wit::Error::OutcomeUnknown(text) => Self::OutcomeUnknown(text),
            wit::Error::Other(text) => Self::Other(text),
        }
    }
}
