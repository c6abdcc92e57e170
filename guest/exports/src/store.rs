//! `session-store`, on any [`Store`]. Translation only, but for generating the id of a session created without one.

use alloc::string::{String, ToString};
use core::cell::RefCell;

use session_core::store::{
    Checked, Contents, Cursor, Durability, Guard, Info, LockMode, Milliseconds, Options, Page, Record, Store,
};
use session_core::{Error, SessionId};

use crate::Exports;
use crate::bindings::exports::session3::sessions::session_store as wit;
use crate::host::random_id;

impl<S: Store> wit::Guest for Exports<S> {
    type Store = StoreHandle<S>;
    type SessionGuard = GuardHandle<S>;
    type SessionCursor = CursorHandle<S>;
}

/// The resource `store`.
pub struct StoreHandle<S>(Checked<S>);

/// The resource `session-guard`.
pub struct GuardHandle<S: Store>(RefCell<<Checked<S> as Store>::Guard>);

/// The resource `session-cursor`.
pub struct CursorHandle<S: Store>(RefCell<<Checked<S> as Store>::Cursor>);

impl<S: Store> StoreHandle<S> {
    fn listing(cursor: <Checked<S> as Store>::Cursor) -> wit::SessionCursor {
        wit::SessionCursor::new(CursorHandle::<S>(RefCell::new(cursor)))
    }
}

impl<S: Store> wit::GuestStore for StoreHandle<S> {
    fn open(location: String, options: wit::Options) -> Result<wit::Store, wit::Error> {
        Ok(wit::Store::new(Self(Checked::open(&location, options.into())?)))
    }

    fn setup(location: String, options: wit::Options) -> Result<wit::Store, wit::Error> {
        Ok(wit::Store::new(Self(Checked::setup(&location, options.into())?)))
    }

    fn create_session(&self, id: Option<String>, contents: wit::Contents) -> Result<wit::SessionInfo, wit::Error> {
        Ok(self.0.create(&given_or_random(id)?, contents.into())?.into())
    }

    fn load_session(&self, id: String) -> Result<Option<wit::Session>, wit::Error> {
        Ok(self.0.load(&SessionId::parse(&id)?)?.map(wit::Session::from))
    }

    fn save_session(
        &self,
        id: String,
        contents: wit::Contents,
        expected: Option<wit::Version>,
    ) -> Result<wit::Version, wit::Error> {
        Ok(self.0.save(&SessionId::parse(&id)?, contents.into(), expected)?)
    }

    fn touch_session(&self, id: String) -> Result<(), wit::Error> {
        Ok(self.0.touch(&SessionId::parse(&id)?)?)
    }

    fn delete_session(&self, id: String) -> Result<bool, wit::Error> {
        Ok(self.0.delete(&SessionId::parse(&id)?)?)
    }

    fn has_session(&self, id: String) -> Result<bool, wit::Error> {
        Ok(self.0.has(&SessionId::parse(&id)?)?)
    }

    fn rename_session(&self, id: String, new_id: Option<String>) -> Result<String, wit::Error> {
        let (id, new_id) = (SessionId::parse(&id)?, given_or_random(new_id)?);
        self.0.rename(&id, &new_id)?;
        Ok(new_id.to_string())
    }

    fn import_session(&self, session: wit::Session) -> Result<(), wit::Error> {
        let wit::Session { info, data } = session;
        let wit::SessionInfo { version, owner, created, modified, last_active, idle_timeout, deadline, .. } = info;
        let id = SessionId::parse(&info.id)?;
        let contents = Contents { data, owner, idle_timeout, deadline };
        Ok(self.0.import(Record { id, version, created, modified, last_active, contents })?)
    }

    fn lock_session(
        &self,
        id: String,
        mode: wit::LockMode,
        wait: Option<Milliseconds>,
    ) -> Result<wit::SessionGuard, wit::Error> {
        let mode = match mode {
            wit::LockMode::Shared => LockMode::Shared,
            wit::LockMode::Exclusive => LockMode::Exclusive,
        };
        let guard = self.0.lock(&SessionId::parse(&id)?, mode, wait)?;
        Ok(wit::SessionGuard::new(GuardHandle::<S>(RefCell::new(guard))))
    }

    fn delete_old_sessions(&self, minutes: u32) -> Result<(u64, u64), wit::Error> {
        Ok(self.0.delete_old(minutes)?)
    }

    fn collect_garbage(&self, budget: u32, resume: Option<String>) -> Result<wit::GarbageReport, wit::Error> {
        let report = self.0.collect_garbage(budget, resume.as_deref())?;
        Ok(wit::GarbageReport {
            examined: report.examined,
            expired: report.expired,
            abandoned: report.abandoned,
            repaired: report.repaired,
            resume: report.resume,
        })
    }

    fn iter_sessions(&self, after: Option<String>) -> Result<wit::SessionCursor, wit::Error> {
        let after = after.map(|id| SessionId::parse(&id)).transpose()?;
        Ok(Self::listing(self.0.sessions(after.as_ref())?))
    }

    fn sessions_of(&self, owner: String) -> Result<wit::SessionCursor, wit::Error> {
        Ok(Self::listing(self.0.sessions_of(&owner)?))
    }

    fn count_sessions_of(&self, owner: String) -> Result<u64, wit::Error> {
        Ok(self.0.count_of(&owner)?)
    }

    fn delete_sessions_of(&self, owner: String) -> Result<u64, wit::Error> {
        Ok(self.0.delete_of(&owner)?)
    }

    fn usage(&self) -> Result<wit::Usage, wit::Error> {
        let usage = self.0.usage()?;
        Ok(wit::Usage { sessions: usage.sessions, bytes: usage.bytes })
    }

    fn is_multiprocess_safe(&self) -> bool {
        self.0.is_multiprocess_safe()
    }

    fn is_thread_safe(&self) -> bool {
        self.0.is_thread_safe()
    }
}

impl<S: Store> wit::GuestSessionGuard for GuardHandle<S> {
    fn load(&self) -> Result<Option<wit::Session>, wit::Error> {
        Ok(self.0.borrow_mut().load()?.map(wit::Session::from))
    }

    fn save(&self, contents: wit::Contents, expected: Option<wit::Version>) -> Result<wit::Version, wit::Error> {
        Ok(self.0.borrow_mut().save(contents.into(), expected)?)
    }

    fn delete(&self) -> Result<bool, wit::Error> {
        Ok(self.0.borrow_mut().delete()?)
    }

    fn rename(&self, new_id: Option<String>) -> Result<String, wit::Error> {
        let new_id = given_or_random(new_id)?;
        self.0.borrow_mut().rename(&new_id)?;
        Ok(new_id.to_string())
    }
}

impl<S: Store> wit::GuestSessionCursor for CursorHandle<S> {
    fn next_page(&self, limit: u32) -> Result<wit::Page, wit::Error> {
        let Page { sessions, unreadable } = self.0.borrow_mut().next_page(limit)?;
        Ok(wit::Page {
            sessions: sessions.into_iter().map(wit::SessionInfo::from).collect(),
            unreadable: unreadable.iter().map(SessionId::to_string).collect(),
        })
    }
}

fn given_or_random(id: Option<String>) -> Result<SessionId, Error> {
    id.map_or_else(|| Ok(random_id()), |id| SessionId::parse(&id))
}

impl From<Record> for wit::Session {
    fn from(record: Record) -> Self {
        let Contents { data, owner, idle_timeout, deadline } = record.contents;
        let info = wit::SessionInfo {
            id: record.id.to_string(),
            version: record.version,
            owner,
            created: record.created,
            modified: record.modified,
            last_active: record.last_active,
            idle_timeout,
            deadline,
            size: data.len() as u32,
        };
        Self { info, data }
    }
}

impl From<Info> for wit::SessionInfo {
    fn from(info: Info) -> Self {
        Self {
            id: info.id.to_string(),
            version: info.version,
            owner: info.owner,
            created: info.created,
            modified: info.modified,
            last_active: info.last_active,
            idle_timeout: info.idle_timeout,
            deadline: info.deadline,
            size: info.size,
        }
    }
}

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
        Self {
            data: contents.data,
            owner: contents.owner,
            idle_timeout: contents.idle_timeout,
            deadline: contents.deadline,
        }
    }
}
