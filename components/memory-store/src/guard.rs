//! The operations on a locked session.

use alloc::vec::Vec;
use core::mem;

use session_core::SessionId;
use session_core::error::{Error, Result};
use session_core::store::{Contents, Guard, LockMode, Record};

use crate::store::MemoryStore;

/// A session, locked until this is dropped.
pub struct MemoryGuard {
    store: MemoryStore,
    /// Another one after a rename.
    id: SessionId,
    /// The ids it had before: nobody else gets those while this goes on.
    renamed: Vec<SessionId>,
    mode: LockMode,
}

impl MemoryGuard {
    /// Lock a session.
    pub fn new(store: MemoryStore, id: &SessionId, mode: LockMode) -> Result<Self> {
        store.place().locks.take(id, mode)?;
        Ok(Self { store, id: id.clone(), renamed: Vec::new(), mode })
    }

    fn need_exclusive(&self) -> Result<()> {
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
        self.need_exclusive()?;
        self.store.place().save(&self.id, contents, expected)
    }

    fn delete(&mut self) -> Result<bool> {
        self.need_exclusive()?;
        Ok(self.store.place().delete(&self.id))
    }

    fn rename(&mut self, new_id: &SessionId) -> Result<()> {
        self.need_exclusive()?;
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
