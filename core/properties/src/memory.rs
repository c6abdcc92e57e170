//! A store in memory with a clock that tests control, non-blocking locks, and operations that fail on demand.

use std::cell::{RefCell, RefMut};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::rc::Rc;

use session_core::error::Result;
use session_core::events::{Event, Events};
use session_core::store::{
    self, Contents, GarbageReport, Info, Instant, LockMode, Milliseconds, Options, Page, Record, Store, Usage,
};
use session_core::{Error, SessionId};

#[derive(Clone, Default)]
pub struct Memory(Rc<RefCell<Inner>>);

#[derive(Default)]
pub struct Inner {
    pub now: Instant,
    pub records: BTreeMap<SessionId, Record>,
    pub locked: BTreeSet<SessionId>,
    /// Reported events.
    pub events: Vec<(Option<SessionId>, Event)>,
    /// The operations called, in order.
    pub calls: Vec<&'static str>,
    /// Results injected into the next calls of an operation; without one a call does its work.
    failures: BTreeMap<&'static str, VecDeque<Option<Error>>>,
    /// What other requests do just before the next call of an operation.
    others: BTreeMap<&'static str, Box<dyn FnOnce()>>,
}

pub struct Guard {
    store: Memory,
    id: SessionId,
}

/// The manager uses no cursors.
pub enum NoCursor {}

impl Memory {
    pub fn inner(&self) -> RefMut<'_, Inner> {
        self.0.borrow_mut()
    }

    /// The only session.
    #[track_caller]
    pub fn only(&self) -> Record {
        let [only] = self.sessions().try_into().expect("one session in the store");
        only
    }

    /// All sessions, without forwarding records.
    pub fn sessions(&self) -> Vec<Record> {
        let inner = self.inner();
        inner.records.values().filter(|record| !record.id.as_str().starts_with("old-")).cloned().collect()
    }

    pub fn is_empty(&self) -> bool {
        self.sessions().is_empty()
    }

    /// Makes the next call of an operation fail.
    pub fn fail(&self, operation: &'static str, error: Error) {
        self.inner().failures.entry(operation).or_default().push_back(Some(error));
    }

    /// Lets the next call of an operation succeed, before those that fail.
    pub fn pass(&self, operation: &'static str) {
        self.inner().failures.entry(operation).or_default().push_back(None);
    }

    /// Runs another request just before the next call of an operation.
    pub fn before(&self, operation: &'static str, others: impl FnOnce() + 'static) {
        self.inner().others.insert(operation, Box::new(others));
    }

    /// The operations since the last call of this function.
    pub fn calls(&self) -> Vec<&'static str> {
        std::mem::take(&mut self.inner().calls)
    }

    fn call(&self, operation: &'static str) -> Result<RefMut<'_, Inner>> {
        let others = self.inner().others.remove(operation);
        if let Some(others) = others {
            others();
        }
        let mut inner = self.inner();
        inner.calls.push(operation);
        match inner.failures.get_mut(operation).and_then(VecDeque::pop_front).flatten() {
            Some(error) => Err(error),
            None => Ok(inner),
        }
    }
}

impl Inner {
    fn find(&mut self, id: &SessionId) -> Option<&mut Record> {
        let now = self.now;
        self.records.get_mut(id).filter(|record| {
            let idle = record.contents.idle_timeout;
            record.contents.deadline.is_none_or(|deadline| now < deadline)
                && idle.is_none_or(|idle| now.saturating_sub(record.last_active) < idle)
        })
    }

    /// No waiting: the holder of the lock is its waiter.
    fn require_free(&self, id: &SessionId) -> Result<()> {
        if self.locked.contains(id) { Err(Error::Busy) } else { Ok(()) }
    }

    fn save(&mut self, id: &SessionId, contents: Contents, expected: Option<u64>) -> Result<u64> {
        let now = self.now;
        let record = self.find(id).ok_or(Error::Gone)?;
        if expected.is_some_and(|expected| expected != record.version) {
            return Err(Error::Conflict(record.version));
        }
        record.version += 1;
        record.modified = now;
        record.last_active = now;
        record.contents = contents;
        Ok(record.version)
    }

    fn delete(&mut self, id: &SessionId) -> bool {
        let there = self.find(id).is_some();
        self.records.remove(id);
        there
    }
}

impl Store for Memory {
    type Guard = Guard;
    type Cursor = NoCursor;

    fn create(&self, id: &SessionId, contents: Contents) -> Result<Info> {
        let mut inner = self.call("create")?;
        if inner.find(id).is_some() {
            return Err(Error::AlreadyExists);
        }
        let now = inner.now;
        let record = Record { id: id.clone(), version: 1, created: now, modified: now, last_active: now, contents };
        let info = record.info();
        inner.records.insert(id.clone(), record);
        Ok(info)
    }

    fn load(&self, id: &SessionId) -> Result<Option<Record>> {
        Ok(self.call("load")?.find(id).cloned())
    }

    fn save(&self, id: &SessionId, contents: Contents, expected: Option<u64>) -> Result<u64> {
        let mut inner = self.call("save")?;
        inner.require_free(id)?;
        inner.save(id, contents, expected)
    }

    fn touch(&self, id: &SessionId) -> Result<()> {
        let mut inner = self.call("touch")?;
        if inner.locked.contains(id) {
            return Err(Error::Deadlock);
        }
        let now = inner.now;
        inner.find(id).ok_or(Error::Gone)?.last_active = now;
        Ok(())
    }

    fn delete(&self, id: &SessionId) -> Result<bool> {
        let mut inner = self.call("delete")?;
        inner.require_free(id)?;
        Ok(inner.delete(id))
    }

    fn has(&self, id: &SessionId) -> Result<bool> {
        Ok(self.call("has")?.find(id).is_some())
    }

    fn lock(&self, id: &SessionId, mode: LockMode, wait: Option<Milliseconds>) -> Result<Guard> {
        assert_eq!((mode, wait), (LockMode::Exclusive, None), "what the manager asks for");
        let mut inner = self.call("lock")?;
        inner.require_free(id)?;
        inner.locked.insert(id.clone());
        Ok(Guard { store: self.clone(), id: id.clone() })
    }

    fn ids_of(&self, owner: &str) -> Result<Vec<SessionId>> {
        let mut inner = self.call("ids_of")?;
        let ids: Vec<SessionId> = inner.records.keys().cloned().collect();
        let mut found: Vec<Record> = ids.iter().filter_map(|id| inner.find(id).cloned()).collect();
        found.retain(|record| record.contents.owner.as_deref() == Some(owner));
        found.sort_by_key(|record| record.created);
        Ok(found.into_iter().map(|record| record.id).collect())
    }

    fn count_of(&self, owner: &str) -> Result<u64> {
        let inner = self.call("count_of")?;
        Ok(inner.records.values().filter(|record| record.contents.owner.as_deref() == Some(owner)).count() as u64)
    }

    fn delete_of(&self, owner: &str) -> Result<u64> {
        let mut inner = self.call("delete_of")?;
        let before = inner.records.len();
        inner.records.retain(|_, record| record.contents.owner.as_deref() != Some(owner));
        Ok((before - inner.records.len()) as u64)
    }

    fn usage(&self) -> Result<Usage> {
        let inner = self.call("usage")?;
        let bytes = inner.records.values().map(|record| record.contents.data.len() as u64).sum();
        Ok(Usage { sessions: inner.records.len() as u64, bytes })
    }

    // Not used by the manager.

    fn open(_: &str, _: Options) -> Result<Self> {
        unreachable!()
    }

    fn setup(_: &str, _: Options) -> Result<Self> {
        unreachable!()
    }

    fn rename(&self, _: &SessionId, _: &SessionId) -> Result<()> {
        unreachable!()
    }

    fn import(&self, _: Record) -> Result<()> {
        unreachable!()
    }

    fn delete_old(&self, _: u32) -> Result<(u64, u64)> {
        unreachable!()
    }

    fn collect_garbage(&self, _: u32, _: Option<&str>) -> Result<GarbageReport> {
        unreachable!()
    }

    fn sessions(&self, _: Option<&SessionId>) -> Result<NoCursor> {
        unreachable!()
    }

    fn sessions_of(&self, _: &str) -> Result<NoCursor> {
        unreachable!()
    }

    fn is_multiprocess_safe(&self) -> bool {
        unreachable!()
    }

    fn is_thread_safe(&self) -> bool {
        unreachable!()
    }
}

impl store::Cursor for NoCursor {
    fn next_page(&mut self, _: u32) -> Result<Page> {
        match *self {}
    }
}

impl Events for Memory {
    fn emit(&self, session: Option<&SessionId>, event: Event) {
        self.inner().events.push((session.cloned(), event));
    }
}

impl store::Guard for Guard {
    fn load(&mut self) -> Result<Option<Record>> {
        Ok(self.store.call("guard.load")?.find(&self.id).cloned())
    }

    fn save(&mut self, contents: Contents, expected: Option<u64>) -> Result<u64> {
        self.store.call("guard.save")?.save(&self.id, contents, expected)
    }

    fn delete(&mut self) -> Result<bool> {
        Ok(self.store.call("guard.delete")?.delete(&self.id))
    }

    fn rename(&mut self, new_id: &SessionId) -> Result<()> {
        let mut inner = self.store.call("guard.rename")?;
        if inner.records.contains_key(new_id) {
            return Err(Error::AlreadyExists);
        }
        inner.find(&self.id).ok_or(Error::Gone)?;
        let mut record = inner.records.remove(&self.id).expect("found");
        record.id = new_id.clone();
        inner.records.insert(new_id.clone(), record);
        inner.locked.remove(&self.id);
        inner.locked.insert(new_id.clone());
        drop(inner);
        self.id = new_id.clone();
        Ok(())
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.store.inner().locked.remove(&self.id);
    }
}
