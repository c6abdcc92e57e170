//! `session-store`.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::cell::RefCell;

use session_core::store::{Contents, Record, SessionGuard, Sessions};
use session_core::{Error, SessionId};

use super::Component;
use crate::bindings::exports::session3::sessions::session_store as wit;
use crate::garbage;
use crate::guard::Guard;
use crate::listing::Cursor;
use crate::locks;
use crate::store::{Options, Peek, Store};

const DEFAULT_SIZE_LIMIT: u32 = 1 << 20;
const DEFAULT_LOCK_WAIT: u64 = 5_000;

impl wit::Guest for Component {
    type Store = Store;
    type SessionGuard = RefCell<Guard>;
    type SessionCursor = RefCell<Cursor>;
}

impl wit::GuestStore for Store {
    fn open(location: String, options: wit::Options) -> Result<wit::Store, wit::Error> {
        Ok(wit::Store::new(Store::open(&location, options.into())?))
    }

    fn setup(location: String, options: wit::Options) -> Result<wit::Store, wit::Error> {
        Ok(wit::Store::new(Store::setup(&location, options.into())?))
    }

    fn create_session(&self, id: Option<String>, contents: wit::Contents) -> Result<wit::SessionInfo, wit::Error> {
        Ok(info(self.create_session(parse(id)?, &contents.into())?).0)
    }

    fn load_session(&self, id: String) -> Result<Option<wit::Session>, wit::Error> {
        Ok(self.load_session(&SessionId::parse(&id)?)?.map(session))
    }

    fn save_session(
        &self,
        id: String,
        contents: wit::Contents,
        expected: Option<wit::Version>,
    ) -> Result<wit::Version, wit::Error> {
        let contents = contents.into();
        let id = SessionId::parse(&id)?;
        self.check(&contents)?;
        Ok(self.lock_for(&id, true, None)?.save(&contents, expected)?)
    }

    fn touch_session(&self, id: String) -> Result<(), wit::Error> {
        Ok(self.touch_session(&SessionId::parse(&id)?)?)
    }

    fn delete_session(&self, id: String) -> Result<bool, wit::Error> {
        Ok(self.lock_for(&SessionId::parse(&id)?, true, None)?.delete()?)
    }

    fn has_session(&self, id: String) -> Result<bool, wit::Error> {
        Ok(self.has_session(&SessionId::parse(&id)?)?)
    }

    fn rename_session(&self, id: String, new_id: Option<String>) -> Result<String, wit::Error> {
        let (id, new_id) = (SessionId::parse(&id)?, parse(new_id)?);
        Ok(self.lock_for(&id, true, None)?.rename_session(new_id)?.to_string())
    }

    fn lock_session(
        &self,
        id: String,
        mode: wit::LockMode,
        wait: Option<wit::Milliseconds>,
    ) -> Result<wit::SessionGuard, wit::Error> {
        let guard = self.lock_for(&SessionId::parse(&id)?, mode == wit::LockMode::Exclusive, wait)?;
        Ok(wit::SessionGuard::new(RefCell::new(guard)))
    }

    fn delete_old_sessions(&self, minutes: u32) -> Result<(u64, u64), wit::Error> {
        Ok(garbage::delete_old(self, minutes)?)
    }

    fn collect_garbage(&self, budget: u32, resume: Option<String>) -> Result<wit::GarbageReport, wit::Error> {
        let report = garbage::collect(self, budget, resume.as_deref())?;
        Ok(wit::GarbageReport {
            examined: report.examined,
            expired: report.expired,
            abandoned: report.abandoned,
            repaired: report.repaired,
            resume: report.resume,
        })
    }

    fn iter_sessions(&self, after: Option<String>) -> Result<wit::SessionCursor, wit::Error> {
        let cursor = Cursor::all(self.clone(), parse(after)?.as_ref());
        Ok(wit::SessionCursor::new(RefCell::new(cursor)))
    }

    fn sessions_of(&self, owner: String) -> Result<wit::SessionCursor, wit::Error> {
        Ok(wit::SessionCursor::new(RefCell::new(self.sessions_of(&owner)?)))
    }

    fn count_sessions_of(&self, owner: String) -> Result<u64, wit::Error> {
        Ok(self.count_sessions_of(&owner)?)
    }

    fn delete_sessions_of(&self, owner: String) -> Result<u64, wit::Error> {
        Ok(self.delete_sessions_of(&owner)?)
    }

    fn usage(&self) -> Result<wit::Usage, wit::Error> {
        let usage = Sessions::usage(self)?;
        Ok(wit::Usage { sessions: usage.sessions, bytes: usage.bytes })
    }

    fn is_multiprocess_safe(&self) -> bool {
        locks::reach_processes()
    }

    fn is_thread_safe(&self) -> bool {
        locks::reach_instances()
    }
}

impl wit::GuestSessionGuard for RefCell<Guard> {
    fn load(&self) -> Result<Option<wit::Session>, wit::Error> {
        Ok(self.borrow_mut().load_session()?.map(session))
    }

    fn save(&self, contents: wit::Contents, expected: Option<wit::Version>) -> Result<wit::Version, wit::Error> {
        Ok(self.borrow_mut().save(&contents.into(), expected)?)
    }

    fn delete(&self) -> Result<bool, wit::Error> {
        Ok(self.borrow_mut().delete()?)
    }

    fn rename(&self, new_id: Option<String>) -> Result<String, wit::Error> {
        Ok(self.borrow_mut().rename_session(parse(new_id)?)?.to_string())
    }
}

impl wit::GuestSessionCursor for RefCell<Cursor> {
    fn next_page(&self, limit: u32) -> Result<wit::Page, wit::Error> {
        let page = self.borrow_mut().next_page(limit)?;
        Ok(wit::Page {
            sessions: page.sessions.into_iter().map(peeked).collect(),
            unreadable: page.unreadable.iter().map(SessionId::to_string).collect(),
        })
    }
}

fn parse(id: Option<String>) -> Result<Option<SessionId>, Error> {
    id.map(|id| SessionId::parse(&id)).transpose()
}

fn session(record: Record) -> wit::Session {
    let (info, data) = info(record);
    wit::Session { info, data }
}

fn peeked(peek: Peek) -> wit::SessionInfo {
    wit::SessionInfo { size: peek.size, ..info(peek.record).0 }
}

fn info(record: Record) -> (wit::SessionInfo, Vec<u8>) {
    let contents = record.contents;
    let info = wit::SessionInfo {
        id: record.id.to_string(),
        version: record.version,
        owner: contents.owner,
        created: record.created,
        modified: record.modified,
        last_active: record.last_active,
        idle_timeout: contents.idle_timeout,
        deadline: contents.deadline,
        size: contents.data.len() as u32,
    };
    (info, contents.data)
}

impl From<wit::Options> for Options {
    fn from(options: wit::Options) -> Self {
        Self {
            create: options.create,
            durable: options.durability == wit::Durability::Durable,
            size_limit: options.size_limit.unwrap_or(DEFAULT_SIZE_LIMIT),
            lock_wait: options.lock_wait.unwrap_or(DEFAULT_LOCK_WAIT),
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
