//! The holders of each session.

use alloc::collections::BTreeMap;

use session_core::SessionId;
use session_core::error::{Error, Result};
use session_core::store::LockMode;

/// The guards of each locked session: the number of shared ones, or an exclusive one.
#[derive(Default)]
pub struct Locks(BTreeMap<SessionId, Held>);

#[derive(Clone, Copy)]
enum Held {
    Shared(usize),
    Exclusively,
}

impl Locks {
    /// Locks a session. A holder is in this instance, so waiting for it would never end.
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

    /// Releases a lock.
    pub fn release(&mut self, id: &SessionId) {
        match self.0.get_mut(id) {
            Some(Held::Shared(guards)) if *guards > 1 => *guards -= 1,
            _ => drop(self.0.remove(id)),
        }
    }

    /// Whether the session is unlocked.
    pub fn is_free(&self, id: &SessionId) -> bool {
        !self.0.contains_key(id)
    }

    /// Fails unless the session is unlocked.
    pub fn require_free(&self, id: &SessionId) -> Result<()> {
        if self.is_free(id) { Ok(()) } else { Err(Error::Deadlock) }
    }
}
