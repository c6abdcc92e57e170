//! Who holds which session.

use alloc::collections::BTreeMap;

use session_core::SessionId;
use session_core::error::{Error, Result};
use session_core::store::LockMode;

/// The guards of each session that has any: how many shared ones, or an exclusive one.
#[derive(Default)]
pub struct Locks(BTreeMap<SessionId, Held>);

#[derive(Clone, Copy)]
enum Held {
    Shared(usize),
    Exclusively,
}

impl Locks {
    /// Lock a session. The holder of a lock is in this instance and waits for us, so we cannot wait for it.
    pub fn take(&mut self, id: &SessionId, mode: LockMode) -> Result<()> {
        let held = match (mode, self.0.get(id)) {
            (LockMode::Exclusive, None) => Held::Exclusively,
            (LockMode::Shared, None) => Held::Shared(1),
            (LockMode::Shared, Some(Held::Shared(guards))) => Held::Shared(guards + 1),
            _ => return Err(Error::Deadlock),
        };
        self.0.insert(id.clone(), held);
        Ok(())
    }

    /// Give a lock back.
    pub fn release(&mut self, id: &SessionId) {
        match self.0.get_mut(id) {
            Some(Held::Shared(guards)) if *guards > 1 => *guards -= 1,
            _ => drop(self.0.remove(id)),
        }
    }

    /// Whether nobody holds the session.
    pub fn is_free(&self, id: &SessionId) -> bool {
        !self.0.contains_key(id)
    }

    /// Refuse what only the holder of the exclusive lock may do.
    pub fn need_free(&self, id: &SessionId) -> Result<()> {
        if self.is_free(id) { Ok(()) } else { Err(Error::Deadlock) }
    }
}
