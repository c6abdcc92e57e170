//! The operations on a locked session.

use alloc::vec;
use alloc::vec::Vec;

use session_core::SessionId;
use session_core::engine::{Lease, Sessions};
use session_core::error::{Error, Result};
use session_core::store::{Contents, Guard, LockMode, Milliseconds, Record};

use crate::held;
use crate::store::{EngineStore, Server, call};
use crate::wait::ready;

/// How long a lock is held at most, by the server's clock: 30 seconds. A request must end within it.
pub const LEASE: Milliseconds = 30_000;

/// A session, locked until the guard is dropped or the lease has ended.
pub struct EngineGuard<S: Server> {
    store: EngineStore<S>,
    mode: LockMode,
    lease: Lease,
    /// Changed by a rename.
    id: SessionId,
    /// All ids that it holds: those that the session had before stay locked while the guard lives.
    ids: Vec<SessionId>,
}

impl<S: Server> EngineGuard<S> {
    /// A session that has been locked.
    pub(crate) fn new(store: EngineStore<S>, id: &SessionId, mode: LockMode, lease: Lease) -> Self {
        held::add(store.lock_name(id));
        Self { store, mode, lease, id: id.clone(), ids: vec![id.clone()] }
    }

    fn require_exclusive(&self) -> Result<()> {
        if self.mode == LockMode::Exclusive {
            return Ok(());
        }
        Err(Error::AccessDenied("this guard is shared; lock the session exclusively to change it".into()))
    }
}

impl<S: Server> Guard for EngineGuard<S> {
    fn load(&mut self) -> Result<Option<Record>> {
        ready(self.store.sessions().load(&self.id, Some(self.lease.holder), call()))
    }

    fn save(&mut self, contents: Contents, expected: Option<u64>) -> Result<u64> {
        self.require_exclusive()?;
        let (holder, durable) = (Some(self.lease.holder), self.store.is_durable());
        ready(self.store.sessions().save(&self.id, &contents, expected, holder, durable, call()))
    }

    fn delete(&mut self) -> Result<bool> {
        self.require_exclusive()?;
        ready(self.store.sessions().delete(&self.id, None, Some(self.lease.holder), call()))
    }

    fn rename(&mut self, new_id: &SessionId) -> Result<()> {
        self.require_exclusive()?;
        if *new_id == self.id {
            return Err(Error::AlreadyExists);
        }
        let rename = || self.store.sessions().rename(&self.id, new_id, Some(self.lease), call());
        self.store.write(&[new_id], rename)?;
        held::add(self.store.lock_name(new_id));
        self.ids.push(new_id.clone());
        self.id = new_id.clone();
        Ok(())
    }
}

impl<S: Server> Drop for EngineGuard<S> {
    fn drop(&mut self) {
        for id in &self.ids {
            held::remove(&self.store.lock_name(id));
            // When it fails, the lock ends with its lease.
            let _ = ready(self.store.sessions().unlock(id, self.lease.holder));
        }
    }
}
