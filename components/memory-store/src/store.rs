//! The operations of the store.

use alloc::borrow::ToOwned;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec::Vec;
use core::cell::{RefCell, RefMut};

use guest_exports::host::now;
use session_core::SessionId;
use session_core::error::{Error, Result};
use session_core::store::{
    Contents, GarbageReport, Info, Instant, LockMode, Milliseconds, Options, Record, Store, Usage,
};

use crate::guard::MemoryGuard;
use crate::listing::MemoryCursor;
use crate::place::Place;

/// The stores by location. They live as long as the instance.
struct Places(RefCell<BTreeMap<String, MemoryStore>>);

#[expect(unsafe_code, reason = "a `static` must be `Sync`")]
// SAFETY: an instance has one thread.
unsafe impl Sync for Places {}

static PLACES: Places = Places(RefCell::new(BTreeMap::new()));

/// The sessions at a location.
#[derive(Clone, Default)]
pub struct MemoryStore(Rc<RefCell<Place>>);

impl MemoryStore {
    /// The sessions, for one operation.
    pub fn place(&self) -> RefMut<'_, Place> {
        self.0.borrow_mut()
    }

    /// The sessions, for an operation on an unlocked one.
    fn place_with_free(&self, id: &SessionId) -> Result<RefMut<'_, Place>> {
        let place = self.place();
        place.locks.require_free(id)?;
        Ok(place)
    }

    fn make(location: &str) -> Self {
        let store = Self::default();
        PLACES.0.borrow_mut().insert(location.to_owned(), store.clone());
        store
    }
}

impl Store for MemoryStore {
    type Guard = MemoryGuard;
    type Cursor = MemoryCursor;

    fn open(location: &str, options: Options) -> Result<Self> {
        let found = PLACES.0.borrow().get(location).cloned();
        match found {
            Some(store) => Ok(store),
            None if options.create => Ok(Self::make(location)),
            None => Err(Error::NoSuchStore(format!(
                "there is no session store at `{location}` in this instance; set one up or open it with `create`"
            ))),
        }
    }

    fn setup(location: &str, _: Options) -> Result<Self> {
        if PLACES.0.borrow().contains_key(location) {
            return Err(Error::AlreadyExists);
        }
        Ok(Self::make(location))
    }

    fn create(&self, id: &SessionId, contents: Contents) -> Result<Info> {
        self.place_with_free(id)?.create(id, contents)
    }

    fn load(&self, id: &SessionId) -> Result<Option<Record>> {
        Ok(self.place().load(id))
    }

    fn save(&self, id: &SessionId, contents: Contents, expected: Option<u64>) -> Result<u64> {
        self.place_with_free(id)?.save(id, contents, expected)
    }

    fn touch(&self, id: &SessionId) -> Result<()> {
        let mut place = self.place();
        let (record, now) = place.find(id).ok_or(Error::Gone)?;
        record.last_active = now;
        Ok(())
    }

    fn delete(&self, id: &SessionId) -> Result<bool> {
        Ok(self.place_with_free(id)?.delete(id))
    }

    fn has(&self, id: &SessionId) -> Result<bool> {
        Ok(self.place().find(id).is_some())
    }

    fn rename(&self, id: &SessionId, new_id: &SessionId) -> Result<()> {
        self.place_with_free(id)?.rename(id, new_id)
    }

    fn import(&self, record: Record) -> Result<()> {
        self.place_with_free(&record.id)?.import(record)
    }

    fn lock(&self, id: &SessionId, mode: LockMode, _: Option<Milliseconds>) -> Result<MemoryGuard> {
        MemoryGuard::new(self.clone(), id, mode)
    }

    fn delete_old(&self, minutes: u32) -> Result<(u64, u64)> {
        Ok(self.place().delete_old(u64::from(minutes) * 60_000))
    }

    fn collect_garbage(&self, budget: u32, resume: Option<&str>) -> Result<GarbageReport> {
        let after = resume.map(SessionId::parse).transpose();
        let after =
            after.map_err(|_| Error::InvalidArgument("`resume` is not from an earlier garbage report".into()))?;
        Ok(self.place().collect(budget, after.as_ref()))
    }

    fn sessions(&self, after: Option<&SessionId>) -> Result<MemoryCursor> {
        Ok(MemoryCursor::all(self.clone(), after.cloned()))
    }

    fn sessions_of(&self, owner: &str) -> Result<MemoryCursor> {
        let mut sessions: Vec<(Instant, SessionId)> =
            self.place().of(owner, now()).map(|record| (record.created, record.id.clone())).collect();
        sessions.sort_unstable();
        Ok(MemoryCursor::of(self.clone(), owner.to_owned(), sessions))
    }

    fn count_of(&self, owner: &str) -> Result<u64> {
        Ok(self.place().of(owner, now()).count() as u64)
    }

    fn delete_of(&self, owner: &str) -> Result<u64> {
        let mut deleted = 0;
        for id in self.ids_of(owner)? {
            deleted += u64::from(self.delete(&id)?);
        }
        Ok(deleted)
    }

    fn usage(&self) -> Result<Usage> {
        let place = self.place();
        let bytes = place.sessions.values().map(|record| record.contents.data.len() as u64).sum();
        Ok(Usage { sessions: place.sessions.len() as u64, bytes })
    }

    fn is_multiprocess_safe(&self) -> bool {
        false
    }

    fn is_thread_safe(&self) -> bool {
        false
    }
}
