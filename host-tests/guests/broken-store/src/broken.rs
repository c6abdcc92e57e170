//! The operations, correct and defective.

use session_core::SessionId;
use session_core::error::{Error, Result};
use session_core::store::{
    Contents, Cursor, GarbageReport, Info, LockMode, Milliseconds, Options, Page, Record, Store, Usage,
};

use memory_store::guard::MemoryGuard;
use memory_store::listing::MemoryCursor;
use memory_store::store::MemoryStore;

use crate::defect::Defect;

/// The memory store, with or without a defect.
#[derive(Clone)]
pub struct BrokenStore {
    store: MemoryStore,
    defect: Option<Defect>,
    size_limit: u32,
}

/// A listing, with a defect in its pages.
pub struct BrokenCursor {
    cursor: MemoryCursor,
    spoil: fn(&mut Page),
}

impl BrokenStore {
    fn of(store: MemoryStore, location: &str, options: Options) -> Self {
        let defect = Defect::ALL.iter().copied().find(|defect| defect.name() == location);
        Self { store, defect, size_limit: options.size_limit }
    }

    fn is(&self, defect: Defect) -> bool {
        self.defect == Some(defect)
    }
}

impl Store for BrokenStore {
    type Guard = MemoryGuard;
    type Cursor = BrokenCursor;

    fn open(location: &str, options: Options) -> Result<Self> {
        Ok(Self::of(MemoryStore::open(location, options)?, location, options))
    }

    fn setup(location: &str, options: Options) -> Result<Self> {
        match MemoryStore::setup(location, options) {
            Err(Error::AlreadyExists) if location == Defect::SetupOpens.name() => Self::open(location, options),
            store => Ok(Self::of(store?, location, options)),
        }
    }

    fn create(&self, id: &SessionId, contents: Contents) -> Result<Info> {
        if self.is(Defect::CreateReplaces) {
            self.store.delete(id)?;
        }
        self.store.create(id, contents)
    }

    fn load(&self, id: &SessionId) -> Result<Option<Record>> {
        if self.is(Defect::LoadIgnoresExpiry) {
            return Ok(self.store.place().sessions.get(id).cloned());
        }
        let Some(mut record) = self.store.load(id)? else { return Ok(None) };
        match self.defect {
            Some(Defect::LoadIsOneVersionBehind) => record.version -= 1,
            Some(Defect::LoadCutsData) => record.contents.data.truncate(100_000),
            Some(Defect::LoadIsUse) => self.store.touch(id)?,
            _ => {}
        }
        Ok(Some(record))
    }

    fn save(&self, id: &SessionId, contents: Contents, expected: Option<u64>) -> Result<u64> {
        match self.defect {
            Some(Defect::SaveCreates) if !self.store.has(id)? => Ok(self.store.create(id, contents)?.version),
            Some(Defect::SaveIgnoresExpected) => self.store.save(id, contents, None),
            Some(Defect::SaveLosesOwner) => self.store.save(id, Contents { owner: None, ..contents }, expected),
            Some(Defect::SaveLimitIsOneLess) if contents.data.len() as u32 >= self.size_limit => {
                Err(Error::TooLarge(self.size_limit))
            }
            _ => self.store.save(id, contents, expected),
        }
    }

    fn touch(&self, id: &SessionId) -> Result<()> {
        if self.is(Defect::TouchOfNothingSucceeds) && !self.store.has(id)? {
            return Ok(());
        }
        self.store.touch(id)?;
        if self.is(Defect::TouchMakesVersion) {
            self.store.place().sessions.entry(id.clone()).and_modify(|record| record.version += 1);
        }
        Ok(())
    }

    fn delete(&self, id: &SessionId) -> Result<bool> {
        Ok(self.store.delete(id)? || self.is(Defect::DeleteIsAlwaysTrue))
    }

    fn has(&self, id: &SessionId) -> Result<bool> {
        Ok(self.store.has(id)? || self.is(Defect::HasIsAlwaysTrue))
    }

    fn rename(&self, id: &SessionId, new_id: &SessionId) -> Result<()> {
        if self.is(Defect::RenameReplaces) && id != new_id {
            self.store.delete(new_id)?;
        }
        let before = self.store.load(id)?;
        self.store.rename(id, new_id)?;
        match (self.defect, before) {
            (Some(Defect::RenameKeepsOldId), Some(before)) => self.store.create(id, before.contents).map(drop),
            (Some(Defect::RenameIsNoUse), Some(before)) => {
                let active = before.last_active;
                self.store.place().sessions.entry(new_id.clone()).and_modify(|record| record.last_active = active);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn import(&self, record: Record) -> Result<()> {
        match self.defect {
            Some(Defect::ImportReplaces) => {
                self.store.delete(&record.id)?;
                self.store.import(record)
            }
            Some(Defect::ImportStartsAnew) => self.store.create(&record.id, record.contents).map(drop),
            Some(Defect::ImportIsUse) => {
                let id = record.id.clone();
                self.store.import(record)?;
                self.store.touch(&id)
            }
            _ => self.store.import(record),
        }
    }

    fn lock(&self, id: &SessionId, mode: LockMode, wait: Option<Milliseconds>) -> Result<MemoryGuard> {
        let guard = self.store.lock(id, mode, wait)?;
        if self.is(Defect::LockDoesNotExclude) {
            self.store.place().locks.release(id);
        }
        Ok(guard)
    }

    fn delete_old(&self, minutes: u32) -> Result<(u64, u64)> {
        self.store.delete_old(if self.is(Defect::DeleteOldDeletesAll) { 0 } else { minutes })
    }

    fn collect_garbage(&self, budget: u32, resume: Option<&str>) -> Result<GarbageReport> {
        if self.is(Defect::GarbageStays) {
            return Ok(GarbageReport::default());
        }
        let report = self.store.collect_garbage(budget, resume)?;
        if self.is(Defect::GarbageIsAlive) {
            self.store.place().sessions.clear();
        }
        Ok(report)
    }

    fn sessions(&self, after: Option<&SessionId>) -> Result<BrokenCursor> {
        let after = after.filter(|_| !self.is(Defect::ListingIgnoresStart));
        let spoil: fn(&mut Page) = match self.defect {
            Some(Defect::ListingLosesLast) => |page| drop(page.sessions.pop()),
            _ => |_| (),
        };
        Ok(BrokenCursor { cursor: self.store.sessions(after)?, spoil })
    }

    fn sessions_of(&self, owner: &str) -> Result<BrokenCursor> {
        let cursor = match self.defect {
            Some(Defect::SessionsOfLeaks) => self.store.sessions(None)?,
            _ => self.store.sessions_of(owner)?,
        };
        let spoil: fn(&mut Page) = match self.defect {
            Some(Defect::SessionsOfNewestFirst) => |page| page.sessions.reverse(),
            _ => |_| (),
        };
        Ok(BrokenCursor { cursor, spoil })
    }

    fn count_of(&self, owner: &str) -> Result<u64> {
        let count = self.store.count_of(owner)?;
        Ok(if self.is(Defect::CountIsOneLess) { count.saturating_sub(1) } else { count })
    }

    fn delete_of(&self, owner: &str) -> Result<u64> {
        if !self.is(Defect::DeleteOfLeavesOne) {
            return self.store.delete_of(owner);
        }
        let mut ids = self.store.ids_of(owner)?;
        ids.pop();
        for id in &ids {
            self.store.delete(id)?;
        }
        Ok(ids.len() as u64)
    }

    fn usage(&self) -> Result<Usage> {
        if self.is(Defect::UsageIsNothing) { Ok(Usage::default()) } else { self.store.usage() }
    }

    fn is_multiprocess_safe(&self) -> bool {
        self.store.is_multiprocess_safe()
    }

    fn is_thread_safe(&self) -> bool {
        self.store.is_thread_safe()
    }
}

impl Cursor for BrokenCursor {
    fn next_page(&mut self, limit: u32) -> Result<Page> {
        let mut page = self.cursor.next_page(limit)?;
        (self.spoil)(&mut page);
        Ok(page)
    }
}
