//! The sessions at one location. What changes a session here does not ask for its lock: the caller has it, or has seen
//! that it is free, and nothing comes between, for an instance does one thing at a time.

use alloc::collections::BTreeMap;

use session_core::SessionId;

use crate::bindings::wit::{Contents, Error, Instant};
use crate::host::now;
use crate::kept::Kept;
use crate::locks::Locks;

/// The sessions and their locks.
#[derive(Default)]
pub struct Place {
    /// By id, expired ones included that nobody has looked at since.
    pub sessions: BTreeMap<SessionId, Kept>,
    /// Who holds them.
    pub locks: Locks,
}

impl Place {
    /// The session and the time, if there is one. One that is seen to be over stays so, also when the clock is stepped
    /// back.
    pub fn find(&mut self, id: &SessionId) -> Option<(&mut Kept, Instant)> {
        let now = now();
        if self.sessions.get(id)?.is_over(now) {
            self.sessions.remove(id);
        }
        Some((self.sessions.get_mut(id)?, now))
    }

    /// An owner's sessions that are not over.
    pub fn of(&self, owner: &str, now: Instant) -> impl Iterator<Item = (&SessionId, &Kept)> {
        self.sessions.iter().filter(move |(_, kept)| kept.is_of(owner) && !kept.is_over(now))
    }

    /// Refuse an id that is taken.
    pub fn need_new(&mut self, id: &SessionId) -> Result<(), Error> {
        if self.find(id).is_some() { Err(Error::AlreadyExists) } else { Ok(()) }
    }

    /// Replace the contents of a session that exists.
    pub fn save(&mut self, id: &SessionId, contents: Contents, expected: Option<u64>) -> Result<u64, Error> {
        let (kept, now) = self.find(id).ok_or(Error::Gone)?;
        if expected.is_some_and(|expected| expected != kept.version) {
            return Err(Error::Conflict(kept.version));
        }
        Ok(kept.save(contents, now))
    }

    /// Delete a session and say whether there was one.
    pub fn delete(&mut self, id: &SessionId) -> bool {
        self.find(id).is_some() && self.sessions.remove(id).is_some()
    }

    /// Move a session to an id that is neither taken nor locked.
    pub fn rename(&mut self, id: &SessionId, new_id: &SessionId) -> Result<(), Error> {
        if id == new_id {
            return Err(Error::AlreadyExists);
        }
        self.locks.need_free(new_id)?;
        self.need_new(new_id)?;
        let (kept, now) = self.find(id).ok_or(Error::Gone)?;
        kept.touched = now;
        let kept = self.sessions.remove(id).ok_or(Error::Gone)?;
        self.sessions.insert(new_id.clone(), kept);
        Ok(())
    }
}
