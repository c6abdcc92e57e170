//! What needs a session's lock: save, rename, delete, and the end of what is expired or corrupt.

use alloc::format;
use alloc::vec::Vec;

use guest_exports::events::Host;
use guest_exports::host::now;
use session_core::error::{Error, Result};
use session_core::events::{Event, Events};
use session_core::record::Version;
use session_core::store::{self, Contents, Instant, LockMode, Record, Store};
use session_core::{SessionId, expiry};

use crate::found::{Found, record};
use crate::locks::Lock;
use crate::store::FileStore;
use crate::{commit, layout, owners};

/// A session, locked. Dropping it unlocks the session.
pub struct FileGuard {
    store: FileStore,
    id: SessionId,
    lock: Lock,
    /// The locks of the ids that the session had before it was renamed: nobody else gets those while this goes on.
    renamed: Vec<Lock>,
}

impl FileGuard {
    /// Take over a lock.
    pub fn new(store: FileStore, id: SessionId, lock: Lock) -> Self {
        Self { store, id, lock, renamed: Vec::new() }
    }

    /// Refuse an id that is taken. An expired session gives its id free.
    pub fn refuse_taken(&mut self) -> Result<()> {
        match self.find()? {
            Some(_) => Err(Error::AlreadyExists),
            None => Ok(()),
        }
    }

    /// Delete the session if it has expired.
    pub fn bury_expired(&mut self) -> Result<()> {
        self.find().map(drop)
    }

    /// Delete the session if it is as described by its version, its last touch and the time. Says whether it was.
    /// An expired session is deleted and does not count.
    pub fn delete_if(&mut self, is_meant: impl FnOnce(&Version, Instant, Instant) -> bool) -> Result<bool> {
        self.remove_if(is_meant, true)
    }

    /// Like `delete_if`, for what may come back after a power cut and be found again.
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
        Host.tell(Some(&self.id), Event::Destroyed);
        Ok(true)
    }

    /// The session's file, open for writing, and the time: none when it is absent or has expired, and then it is
    /// absent for good.
    pub fn find(&self) -> Result<Option<(Found, Instant)>> {
        self.need_exclusive()?;
        let Some(found) = Found::write(self.store.root(), &self.id)? else { return Ok(None) };
        let slots = match found.slots(&self.id) {
            Ok(slots) => slots,
            Err(error) => return Err(self.quarantine(&found, error)),
        };
        let (live, now) = (slots.live(), now());
        // A recent save speaks for itself; only then it takes a look at when the session was touched.
        if expiry::expired(&live, live.modified, now) && expiry::expired(&live, found.touched()?, now) {
            self.remove(live.owner, false)?;
            Host.tell(Some(&self.id), Event::Expired);
            return Ok(None);
        }
        Ok(Some((found, now)))
    }

    /// Remove the file, then its index entry: should the second fail, garbage collection finds it.
    fn remove(&self, owner: Option<&str>, durable: bool) -> Result<()> {
        commit::remove(self.store.root(), &self.id, durable)?;
        if let Some(owner) = owner {
            owners::remove(self.store.root(), owner, &self.id);
        }
        Ok(())
    }

    /// Keep a file that cannot be read for inspection. What is not a file stays where it is.
    fn quarantine(&self, found: &Found, seen: Error) -> Error {
        let Error::Corrupt(why) = seen else { return seen };
        Host.tell(Some(&self.id), Event::Corrupt);
        let aside = format!("{}/{}", layout::QUARANTINE, layout::unique(self.id.as_str()));
        let moved = found.file.is_regular().is_ok_and(|regular| regular)
            && self.store.root().rename(&layout::session(&self.id), &aside).is_ok();
        Error::Corrupt(if moved {
            format!("{why}; it was put aside as {aside}")
        } else {
            format!("{why}; it is still at {}", layout::session(&self.id))
        })
    }

    fn need_exclusive(&self) -> Result<()> {
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
        // The index may have an entry too many, never one too few: entries come first and go last. Owners who meet in a
        // hash have one entry.
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
        self.need_exclusive()?;
        if *new_id == self.id {
            return Err(Error::AlreadyExists);
        }
        let mut target = self.store.lock(new_id, LockMode::Exclusive, None)?;
        target.refuse_taken()?;
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
