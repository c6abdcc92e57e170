//! Operations under a session's lock: save, rename, delete, and removing what is expired or corrupt.

use alloc::format;
use alloc::vec::Vec;

use guest_exports::events::Host;
use guest_exports::host::now;
use session_core::error::{Error, Result};
use session_core::events::{Event, Events};
use session_core::record::Version;
use session_core::store::{self, Contents, Instant, LockMode, Record, Store};
use session_core::{SessionId, expiry};

use crate::locks::Lock;
use crate::session_file::{SessionFile, record};
use crate::store::FileStore;
use crate::{commit, layout, owners};

/// A locked session. Dropping the guard unlocks it.
pub struct FileGuard {
    store: FileStore,
    id: SessionId,
    lock: Lock,
    /// Locks of the ids that the session had before this guard renamed it: they stay taken while the guard lives.
    renamed: Vec<Lock>,
}

impl FileGuard {
    /// Wraps a lock.
    pub fn new(store: FileStore, id: SessionId, lock: Lock) -> Self {
        Self { store, id, lock, renamed: Vec::new() }
    }

    /// Fails if the id is taken. An expired session does not hold its id.
    pub fn ensure_id_is_free(&mut self) -> Result<()> {
        match self.find()? {
            Some(_) => Err(Error::AlreadyExists),
            None => Ok(()),
        }
    }

    /// Deletes the session if it has expired.
    pub fn delete_if_expired(&mut self) -> Result<()> {
        self.find().map(drop)
    }

    /// Deletes the session if the predicate holds for its version, its last touch and the time. Returns whether it did.
    /// An expired session is deleted and does not count.
    pub fn delete_if(&mut self, is_meant: impl FnOnce(&Version, Instant, Instant) -> bool) -> Result<bool> {
        self.remove_if(is_meant, true)
    }

    /// Like `delete_if`, but not durable: after a power cut the session may reappear and be collected again.
    pub fn collect_if(&mut self, is_meant: impl FnOnce(&Version, Instant, Instant) -> bool) -> Result<bool> {
        self.remove_if(is_meant, false)
    }

    fn remove_if(&mut self, is_meant: impl FnOnce(&Version, Instant, Instant) -> bool, durable: bool) -> Result<bool> {
        let Some((found, now)) = self.find()? else { return Ok(false) };
        let slots = found.slots(&self.id)?;
        if !is_meant(&slots.live(), found.touched()?, now) {
            return Ok(false);
        }
        self.remove(slots.live().owner, durable)?;
        Host.emit(Some(&self.id), Event::Destroyed);
        Ok(true)
    }

    /// Opens the session's file for writing; returns it with the time. None when the session is absent or has expired;
    /// an expired one is deleted.
    pub fn find(&self) -> Result<Option<(SessionFile, Instant)>> {
        self.require_exclusive()?;
        let Some(found) = SessionFile::write(self.store.root(), &self.id)? else { return Ok(None) };
        let slots = match found.slots(&self.id) {
            Ok(slots) => slots,
            Err(error) => return Err(self.quarantine(&found, error)),
        };
        let (live, now) = (slots.live(), now());
        // A recent save is proof of use; only without one is the last touch read.
        if expiry::expired(&live, live.modified, now) && expiry::expired(&live, found.touched()?, now) {
            self.remove(live.owner, false)?;
            Host.emit(Some(&self.id), Event::Expired);
            return Ok(None);
        }
        Ok(Some((found, now)))
    }

    /// Removes the file, then its index entry: if the second fails, garbage collection removes the entry.
    fn remove(&self, owner: Option<&str>, durable: bool) -> Result<()> {
        commit::remove(self.store.root(), &self.id, durable)?;
        if let Some(owner) = owner {
            owners::remove(self.store.root(), owner, &self.id);
        }
        Ok(())
    }

    /// Keeps an unreadable file for inspection. Anything but a regular file stays in place.
    fn quarantine(&self, found: &SessionFile, seen: Error) -> Error {
        let Error::Corrupt(why) = seen else { return seen };
        Host.emit(Some(&self.id), Event::Corrupt);
        let quarantined = format!("{}/{}", layout::QUARANTINE, layout::unique(self.id.as_str()));
        let moved = found.file.is_regular().is_ok_and(|regular| regular)
            && self.store.root().rename(&layout::session(&self.id), &quarantined).is_ok();
        Error::Corrupt(if moved {
            format!("{why}; it was moved to {quarantined}")
        } else {
            format!("{why}; it remains at {}", layout::session(&self.id))
        })
    }

    fn require_exclusive(&self) -> Result<()> {
        if self.lock.is_exclusive() {
            return Ok(());
        }
        Err(Error::AccessDenied("this guard is shared; lock the session exclusively to change it".into()))
    }
}

impl store::Guard for FileGuard {
    fn load(&mut self) -> Result<Option<Record>> {
        if !self.lock.is_exclusive() {
            return self.store.load(&self.id);
        }
        let Some((found, now)) = self.find()? else { return Ok(None) };
        let (slots, touched) = (found.slots(&self.id)?, found.touched()?);
        Ok(Some(record(self.id.clone(), &slots.live(), touched, now)))
    }

    fn save(&mut self, contents: Contents, expected: Option<u64>) -> Result<u64> {
        let (found, now) = self.find()?.ok_or(Error::Gone)?;
        let slots = found.slots(&self.id)?;
        let live = slots.live();
        if expected.is_some_and(|expected| expected != live.version) {
            return Err(Error::Conflict(live.version));
        }
        let root = self.store.root();
        let next = Version::of(&contents, live.version + 1, live.created, now);
        // The index may have an entry too many, never one too few: entries are added first and removed last. Owners
        // whose hashes collide share one entry.
        let moves = live.owner != next.owner && live.owner.map(layout::owner) != next.owner.map(layout::owner);
        owners::with_entry(root, next.owner.filter(|_| moves), &self.id, || {
            commit::save(root, &self.id, &found.file, &slots, &next, self.store.is_durable())
        })?;
        if let Some(owner) = live.owner.filter(|_| moves) {
            owners::remove(root, owner, &self.id);
        }
        Ok(next.version)
    }

    fn delete(&mut self) -> Result<bool> {
        self.delete_if(|_, _, _| true)
    }

    fn rename(&mut self, new_id: &SessionId) -> Result<()> {
        self.require_exclusive()?;
        if *new_id == self.id {
            return Err(Error::AlreadyExists);
        }
        let mut target = self.store.lock(new_id, LockMode::Exclusive, None)?;
        target.ensure_id_is_free()?;
        let (found, now) = self.find()?.ok_or(Error::Gone)?;
        let slots = found.slots(&self.id)?;
        let root = self.store.root();
        let owner = slots.live().owner;
        let touched = found.touched()?;
        owners::with_entry(root, owner, new_id, || {
            commit::rename(root, &self.id, new_id, &found.file, &slots, touched, now)
        })?;
        if let Some(owner) = owner {
            owners::remove(root, owner, &self.id);
        }
        self.id = new_id.clone();
        self.renamed.push(core::mem::replace(&mut self.lock, target.lock));
        Ok(())
    }
}
