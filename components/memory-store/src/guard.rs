//! The operations on a locked session.

use alloc::vec::Vec;
use core::mem;

use session_core::SessionId;
use session_core::error::{Error, Result};
use session_core::store::{Contents, Guard, LockMode, Record};

use crate::store::MemoryStore;

/// A session, locked until the guard is dropped.
pub struct MemoryGuard {
    store: MemoryStore,
    /// Changed by a rename.
    id: SessionId,
    /// Ids it had before: they stay locked while the guard lives.
    renamed: Vec<SessionId>,
    mode: LockMode,
}

impl MemoryGuard {
    /// Locks a session.
    pub fn new(store: MemoryStore, id: &SessionId, mode: LockMode) -> Result<Self> {
        store.place().locks.take(id, mode)?;
        Ok(Self { store, id: id.clone(), renamed: Vec::new(), mode })
    }

    fn require_exclusive(&self) -> Result<()> {
        if self.mode == LockMode::Exclusive {
            return Ok(());
        }
        Err(Error::AccessDenied("this guard is shared; lock the session exclusively to change it".into()))
    }
}

impl Guard for MemoryGuard {
    fn load(&mut self) -> Result<Option<Record>> {
        Ok(self.store.place().load(&self.id))
    }

    fn save(&mut self, contents: Contents, expected: Option<u64>) -> Result<u64> {
        self.require_exclusive()?;
        self.store.place().save(&self.id, contents, expected)
    }

    fn delete(&mut self) -> Result<bool> {
        self.require_exclusive()?;
        Ok(self.store.place().delete(&self.id))
    }

    fn rename(&mut self, new_id: &SessionId) -> Result<()> {
        self.require_exclusive()?;
        let mut place = self.store.place();
        place.rename(&self.id, new_id)?;
        place.locks.take(new_id, self.mode)?;
        self.renamed.push(mem::replace(&mut self.id, new_id.clone()));
        Ok(())
    }
}

impl Drop for MemoryGuard {
    fn drop(&mut self) {
        let mut place = self.store.place();
        place.locks.release(&self.id);
        self.renamed.iter().for_each(|id| place.locks.release(id));
    }
}
