//! The operations of the store.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::rc::Rc;
use alloc::string::String;

use guest_exports::events::Host;
use guest_exports::host::{now, random_16};
use session_core::SessionId;
use session_core::engine::{Call, Engine, Holder, Lease, Logout, Sessions};
use session_core::error::{Error, Result};
use session_core::store::{
    Contents, Durability, GarbageReport, Info, LockMode, Milliseconds, Options, Record, Store, Usage,
};

use crate::guard::{EngineGuard, LEASE};
use crate::held;
use crate::listing::EngineCursor;
use crate::wait::{ready, until};

/// The server of a component.
pub trait Server: 'static {
    /// What keeps the sessions there. Its futures never wait: requests block.
    type Engine: Engine;

    /// The engine of this instance, made at the first call.
    ///
    /// # Errors
    ///
    /// Fails if the instance has not been told where the server is.
    fn engine() -> Result<&'static Self::Engine>;
}

/// The sessions at a location of the server.
pub struct EngineStore<S: Server> {
    sessions: Rc<<S::Engine as Engine>::Sessions>,
    options: Options,
}

impl<S: Server> Clone for EngineStore<S> {
    fn clone(&self) -> Self {
        Self { sessions: self.sessions.clone(), options: self.options }
    }
}

impl<S: Server> EngineStore<S> {
    fn new(sessions: <S::Engine as Engine>::Sessions, options: Options) -> Self {
        Self { sessions: Rc::new(sessions), options }
    }

    pub(crate) fn sessions(&self) -> &<S::Engine as Engine>::Sessions {
        &self.sessions
    }

    pub(crate) fn is_durable(&self) -> bool {
        self.options.durability == Durability::Durable
    }

    /// The name of a session's lock in this instance: handles to one store, opened apart, use the same.
    pub(crate) fn lock_name(&self, id: &SessionId) -> String {
        format!("{}/{id}", self.sessions.store_id())
    }

    /// Runs a write that needs the locks of these ids to be free, and waits for others to release them.
    pub(crate) fn write<T, F>(&self, ids: &[&SessionId], attempt: impl Fn() -> F) -> Result<T>
    where
        F: Future<Output = Result<T>>,
    {
        self.wait(self.options.lock_wait, ids, attempt)
    }

    fn wait<T, F>(&self, wait: Milliseconds, ids: &[&SessionId], attempt: impl Fn() -> F) -> Result<T>
    where
        F: Future<Output = Result<T>>,
    {
        until(wait, || match ready(attempt()) {
            Err(Error::Busy) if ids.iter().any(|id| held::has(&self.lock_name(id))) => Err(Error::Deadlock),
            result => result,
        })
    }

    fn insert(&self, record: &Record) -> Result<()> {
        self.write(&[&record.id], || self.sessions.insert(record, call()))
    }
}

impl<S: Server> Store for EngineStore<S> {
    type Guard = EngineGuard<S>;
    type Cursor = EngineCursor<S>;

    fn open(location: &str, options: Options) -> Result<Self> {
        let durable = options.durability == Durability::Durable;
        Ok(Self::new(ready(S::engine()?.open(location, options.create, durable))?, options))
    }

    fn setup(location: &str, options: Options) -> Result<Self> {
        let durable = options.durability == Durability::Durable;
        Ok(Self::new(ready(S::engine()?.setup(location, durable))?, options))
    }

    fn create(&self, id: &SessionId, contents: Contents) -> Result<Info> {
        let now = now();
        let record = Record { id: id.clone(), version: 1, created: now, modified: now, last_active: now, contents };
        self.insert(&record)?;
        Ok(record.info())
    }

    fn load(&self, id: &SessionId) -> Result<Option<Record>> {
        ready(self.sessions.load(id, None, call()))
    }

    fn save(&self, id: &SessionId, contents: Contents, expected: Option<u64>) -> Result<u64> {
        self.write(&[id], || self.sessions.save(id, &contents, expected, None, self.is_durable(), call()))
    }

    fn touch(&self, id: &SessionId) -> Result<()> {
        ready(self.sessions.touch(id, call()))
    }

    fn delete(&self, id: &SessionId) -> Result<bool> {
        self.write(&[id], || self.sessions.delete(id, None, None, call()))
    }

    fn has(&self, id: &SessionId) -> Result<bool> {
        ready(self.sessions.has(id, call()))
    }

    fn rename(&self, id: &SessionId, new_id: &SessionId) -> Result<()> {
        self.write(&[id, new_id], || self.sessions.rename(id, new_id, None, call()))
    }

    fn import(&self, record: Record) -> Result<()> {
        self.insert(&record)
    }

    fn lock(&self, id: &SessionId, mode: LockMode, wait: Option<Milliseconds>) -> Result<EngineGuard<S>> {
        let lease = Lease { holder: Holder(u128::from_le_bytes(random_16())), time: LEASE };
        let wait = wait.unwrap_or(self.options.lock_wait);
        self.wait(wait, &[id], || self.sessions.lock(id, mode, lease))?;
        Ok(EngineGuard::new(self.clone(), id, mode, lease))
    }

    fn delete_old(&self, minutes: u32) -> Result<(u64, u64)> {
        ready(self.sessions.delete_old(u64::from(minutes) * 60_000, call()))
    }

    fn collect_garbage(&self, budget: u32, resume: Option<&str>) -> Result<GarbageReport> {
        ready(self.sessions.collect_garbage(budget, resume.map(str::to_owned), call()))
    }

    fn sessions(&self, after: Option<&SessionId>) -> Result<EngineCursor<S>> {
        Ok(EngineCursor::all(self.clone(), after.cloned()))
    }

    fn sessions_of(&self, owner: &str) -> Result<EngineCursor<S>> {
        let ids = ready(self.sessions.ids_of(owner))?;
        Ok(EngineCursor::of(self.clone(), owner.to_owned(), ids))
    }

    fn count_of(&self, owner: &str) -> Result<u64> {
        ready(self.sessions.count_of(owner))
    }

    fn delete_of(&self, owner: &str) -> Result<u64> {
        let mut logout = Logout::default();
        loop {
            for id in ready(self.sessions.ids_of(owner))? {
                logout.note(self.write(&[&id], || self.sessions.delete(&id, Some(owner), None, call())))?;
            }
            if let Some(deleted) = logout.end_round()? {
                return Ok(deleted);
            }
        }
    }

    fn usage(&self) -> Result<Usage> {
        ready(self.sessions.usage())
    }

    fn is_multiprocess_safe(&self) -> bool {
        self.sessions.is_multiprocess_safe()
    }

    fn is_thread_safe(&self) -> bool {
        true
    }
}

/// What the server needs from this instance for one operation.
pub(crate) fn call() -> Call<'static> {
    Call { now: now(), events: &Host }
}
