//! Conversion between the contract in WIT and in Rust.

use crate::bindings::imported::session3::sessions::session_store as wit;
use crate::locks::{self, Mode};
use session_core::SessionId;
use session_core::error::{Error, Result};
use session_core::store::{Contents, Durability, GarbageReport, Info, LockMode, Options, Page, Record, Usage};

impl From<wit::Options> for Options {
    fn from(options: wit::Options) -> Self {
        let default = Self::default();
        Self {
            create: options.create,
            durability: match options.durability {
                wit::Durability::Relaxed => Durability::Relaxed,
                wit::Durability::Durable => Durability::Durable,
            },
            size_limit: options.size_limit.unwrap_or(default.size_limit),
            lock_wait: options.lock_wait.unwrap_or(default.lock_wait),
        }
    }
}

impl From<wit::Contents> for Contents {
    fn from(contents: wit::Contents) -> Self {
        let wit::Contents { data, owner, idle_timeout, deadline } = contents;
        Self { data, owner, idle_timeout, deadline }
    }
}

impl TryFrom<wit::Session> for Record {
    type Error = Error;

    fn try_from(session: wit::Session) -> Result<Self> {
        let wit::Session { info, data } = session;
        let wit::SessionInfo { version, owner, created, modified, last_active, idle_timeout, deadline, .. } = info;
        let contents = Contents { data, owner, idle_timeout, deadline };
        Ok(Self { id: SessionId::parse(&info.id)?, version, created, modified, last_active, contents })
    }
}

impl From<wit::LockMode> for LockMode {
    fn from(mode: wit::LockMode) -> Self {
        match mode {
            wit::LockMode::Shared => Self::Shared,
            wit::LockMode::Exclusive => Self::Exclusive,
        }
    }
}

impl From<LockMode> for Mode {
    fn from(mode: LockMode) -> Self {
        match mode {
            LockMode::Shared => Self::Shared,
            LockMode::Exclusive => Self::Exclusive,
        }
    }
}

impl From<Info> for wit::SessionInfo {
    fn from(info: Info) -> Self {
        let Info { id, version, created, modified, last_active, owner, idle_timeout, deadline, size } = info;
        let id = id.to_string();
        Self { id, version, owner, created, modified, last_active, idle_timeout, deadline, size }
    }
}

impl From<Record> for wit::Session {
    fn from(record: Record) -> Self {
        Self { info: record.info().into(), data: record.contents.data }
    }
}

impl From<Page> for wit::Page {
    fn from(page: Page) -> Self {
        Self {
            sessions: page.sessions.into_iter().map(wit::SessionInfo::from).collect(),
            unreadable: page.unreadable.iter().map(SessionId::to_string).collect(),
        }
    }
}

impl From<GarbageReport> for wit::GarbageReport {
    fn from(report: GarbageReport) -> Self {
        let GarbageReport { examined, expired, abandoned, repaired, resume } = report;
        Self { examined, expired, abandoned, repaired, resume }
    }
}

impl From<Usage> for wit::Usage {
    fn from(usage: Usage) -> Self {
        Self { sessions: usage.sessions, bytes: usage.bytes }
    }
}

impl From<Error> for wit::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::InvalidId(text) => Self::InvalidId(text),
            Error::InvalidArgument(text) => Self::InvalidArgument(text),
            Error::TooLarge(limit) => Self::TooLarge(limit),
            Error::AlreadyExists => Self::AlreadyExists,
            Error::Gone => Self::Gone,
            Error::Conflict(version) => Self::Conflict(version),
            Error::Busy => Self::Busy,
            Error::Deadlock => Self::Deadlock,
            Error::Corrupt(text) => Self::Corrupt(text),
            Error::NoSuchStore(text) => Self::NoSuchStore(text),
            Error::AccessDenied(text) => Self::AccessDenied(text),
            Error::NoSpace(text) => Self::NoSpace(text),
            Error::Io(text) => Self::Io(text),
            Error::Unavailable(text) => Self::Unavailable(text),
            Error::OutcomeUnknown(text) => Self::OutcomeUnknown(text),
            Error::Other(text) => Self::Other(text),
        }
    }
}

impl From<locks::Error> for Error {
    fn from(error: locks::Error) -> Self {
        match error {
            locks::Error::TimedOut | locks::Error::TooMany => Self::Busy,
            locks::Error::Deadlock => Self::Deadlock,
            locks::Error::InvalidName | locks::Error::Moved | locks::Error::LockFile(_) => {
                Self::Other(format!("the lock cannot be taken in this process: {error:?}"))
            }
        }
    }
}
