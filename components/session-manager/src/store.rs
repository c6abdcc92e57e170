//! A store that is imported.

use alloc::rc::Rc;
use alloc::vec::Vec;

use session_core::SessionId;
use session_core::error::Result;
use session_core::store::{Contents, Owners, Record, Sessions, Usage};

use crate::bindings::session3::sessions::session_store as wit;
use crate::guard::Guard;
use crate::translate;

/// The most that a page may have.
const PAGE: u32 = 1000;

/// A handle to the store. Clones are the same one.
#[derive(Clone)]
pub struct Store(Rc<wit::Store>);

impl Store {
    /// Open the store at a location.
    pub fn open(location: &str, options: wit::Options) -> Result<Self> {
        Ok(Self(Rc::new(wit::Store::open(location, options)?)))
    }

    /// Whether a load would find the session.
    pub fn has_session(&self, id: &SessionId) -> Result<bool> {
        Ok(self.0.has_session(id.as_str())?)
    }
}

impl Sessions for Store {
    type Guard = Guard;

    fn create(&self, id: &SessionId, contents: Contents) -> Result<Record> {
        let contents = contents.into();
        let info = self.0.create_session(Some(id.as_str()), &contents)?;
        translate::record(info, contents.data)
    }

    fn load(&self, id: &SessionId) -> Result<Option<Record>> {
        self.0.load_session(id.as_str())?.map(Record::try_from).transpose()
    }

    fn touch(&self, id: &SessionId) -> Result<()> {
        Ok(self.0.touch_session(id.as_str())?)
    }

    fn lock(&self, id: &SessionId) -> Result<Guard> {
        Ok(Guard(self.0.lock_session(id.as_str(), wit::LockMode::Exclusive, None)?))
    }

    fn usage(&self) -> Result<Usage> {
        let usage = self.0.usage()?;
        Ok(Usage { sessions: usage.sessions, bytes: usage.bytes })
    }
}

impl Owners for Store {
    fn ids_of(&self, owner: &str) -> Result<Vec<SessionId>> {
        let cursor = self.0.sessions_of(owner)?;
        let mut ids = Vec::new();
        loop {
            let page = cursor.next_page(PAGE)?;
            if page.sessions.is_empty() && page.unreadable.is_empty() {
                return Ok(ids);
            }
            for info in &page.sessions {
                ids.push(translate::id(&info.id)?);
            }
        }
    }

    fn count_of(&self, owner: &str) -> Result<u64> {
        Ok(self.0.count_sessions_of(owner)?)
    }

    fn delete_of(&self, owner: &str) -> Result<u64> {
        Ok(self.0.delete_sessions_of(owner)?)
    }
}
