//! The imported store.

use alloc::rc::Rc;
use alloc::vec::Vec;

use session_core::SessionId;
use session_core::error::Result;
use session_core::store::{
    Contents, Cursor, GarbageReport, Guard, Info, LockMode, MAX_PAGE, Milliseconds, Options, Page, Record, Store, Usage,
};

use crate::bindings::session3::sessions::session_store as wit;
use crate::translate::id;

/// A handle to the store. Clones share it.
#[derive(Clone)]
pub struct ImportedStore(Rc<wit::Store>);

impl Store for ImportedStore {
    type Guard = wit::SessionGuard;
    type Cursor = wit::SessionCursor;

    fn open(location: &str, options: Options) -> Result<Self> {
        Ok(Self(Rc::new(wit::Store::open(location, options.into())?)))
    }

    fn setup(location: &str, options: Options) -> Result<Self> {
        Ok(Self(Rc::new(wit::Store::setup(location, options.into())?)))
    }

    fn create(&self, id: &SessionId, contents: Contents) -> Result<Info> {
        self.0.create_session(Some(id.as_str()), &contents.into())?.try_into()
    }

    fn load(&self, id: &SessionId) -> Result<Option<Record>> {
        self.0.load_session(id.as_str())?.map(Record::try_from).transpose()
    }

    fn save(&self, id: &SessionId, contents: Contents, expected: Option<u64>) -> Result<u64> {
        Ok(self.0.save_session(id.as_str(), &contents.into(), expected)?)
    }

    fn touch(&self, id: &SessionId) -> Result<()> {
        Ok(self.0.touch_session(id.as_str())?)
    }

    fn delete(&self, id: &SessionId) -> Result<bool> {
        Ok(self.0.delete_session(id.as_str())?)
    }

    fn has(&self, id: &SessionId) -> Result<bool> {
        Ok(self.0.has_session(id.as_str())?)
    }

    fn rename(&self, id: &SessionId, new_id: &SessionId) -> Result<()> {
        self.0.rename_session(id.as_str(), Some(new_id.as_str()))?;
        Ok(())
    }

    fn import(&self, record: Record) -> Result<()> {
        Ok(self.0.import_session(&record.into())?)
    }

    fn lock(&self, id: &SessionId, mode: LockMode, wait: Option<Milliseconds>) -> Result<wit::SessionGuard> {
        Ok(self.0.lock_session(id.as_str(), mode.into(), wait)?)
    }

    fn delete_old(&self, minutes: u32) -> Result<(u64, u64)> {
        Ok(self.0.delete_old_sessions(minutes)?)
    }

    fn collect_garbage(&self, budget: u32, resume: Option<&str>) -> Result<GarbageReport> {
        Ok(self.0.collect_garbage(budget, resume)?.into())
    }

    fn sessions(&self, after: Option<&SessionId>) -> Result<wit::SessionCursor> {
        Ok(self.0.iter_sessions(after.map(SessionId::as_str))?)
    }

    fn sessions_of(&self, owner: &str) -> Result<wit::SessionCursor> {
        Ok(self.0.sessions_of(owner)?)
    }

    /// Takes only the ids of each page, validated.
    fn ids_of(&self, owner: &str) -> Result<Vec<SessionId>> {
        let cursor = self.0.sessions_of(owner)?;
        let mut ids = Vec::new();
        loop {
            let page = cursor.next_page(MAX_PAGE)?;
            if page.sessions.is_empty() && page.unreadable.is_empty() {
                return Ok(ids);
            }
            for info in &page.sessions {
                ids.push(id(&info.id)?);
            }
        }
    }

    fn count_of(&self, owner: &str) -> Result<u64> {
        Ok(self.0.count_sessions_of(owner)?)
    }

    fn delete_of(&self, owner: &str) -> Result<u64> {
        Ok(self.0.delete_sessions_of(owner)?)
    }

    fn usage(&self) -> Result<Usage> {
        let usage = self.0.usage()?;
        Ok(Usage { sessions: usage.sessions, bytes: usage.bytes })
    }

    fn is_multiprocess_safe(&self) -> bool {
        self.0.is_multiprocess_safe()
    }

    fn is_thread_safe(&self) -> bool {
        self.0.is_thread_safe()
    }
}

impl Guard for wit::SessionGuard {
    fn load(&mut self) -> Result<Option<Record>> {
        Self::load(self)?.map(Record::try_from).transpose()
    }

    fn save(&mut self, contents: Contents, expected: Option<u64>) -> Result<u64> {
        Ok(Self::save(self, &contents.into(), expected)?)
    }

    fn delete(&mut self) -> Result<bool> {
        Ok(Self::delete(self)?)
    }

    fn rename(&mut self, new_id: &SessionId) -> Result<()> {
        Self::rename(self, Some(new_id.as_str()))?;
        Ok(())
    }
}

impl Cursor for wit::SessionCursor {
    fn next_page(&mut self, limit: u32) -> Result<Page> {
        let page = Self::next_page(self, limit)?;
        Ok(Page {
            sessions: page.sessions.into_iter().map(Info::try_from).collect::<Result<_>>()?,
            unreadable: page.unreadable.iter().map(|text| id(text)).collect::<Result<_>>()?,
        })
    }
}
