//! The operations of the store. Loads and touches take no lock unless the session is expired or unreadable.

use alloc::rc::Rc;
use alloc::vec::Vec;

use guest_exports::events::Host;
use guest_exports::host::now;
use session_core::error::{Error, Result};
use session_core::events::{Event, Events};
use session_core::record::Version;
use session_core::store::{
    Contents, Durability, GarbageReport, Guard, Info, Instant, LockMode, Milliseconds, Options, Record, Store, Usage,
};
use session_core::{SessionId, expiry};

use crate::directory::{Directory, changed, unknown};
use crate::guard::FileGuard;
use crate::layout;
use crate::listing::FileCursor;
use crate::locks::{self, Lock};
use crate::marker::Marker;
use crate::session_file::{Peek, SessionFile, info, record};
use crate::setup::{locate, no_store, set_up_once};
use crate::{commit, garbage, owners, usage};

/// How many times an owner's sessions are looked up again before giving up, when there are constant logins.
const LOGOUT_ROUNDS: usize = 100;

/// A store in a directory.
#[derive(Clone)]
pub struct FileStore(Rc<Inner>);

struct Inner {
    root: Directory,
    marker: Marker,
    options: Options,
}

impl FileStore {
    /// The store's directory.
    pub fn root(&self) -> &Directory {
        &self.0.root
    }

    /// Refreshes the time stamp of the marker file.
    pub fn refresh_marker(&self) {
        self.0.marker.refresh(self.root());
    }

    /// Whether saves are synced.
    pub fn is_durable(&self) -> bool {
        self.0.options.durability == Durability::Durable
    }

    /// Like a load, but without deleting an expired or quarantining an unreadable session.
    pub fn peek(&self, id: &SessionId) -> Result<Option<Peek>> {
        let Some(found) = SessionFile::read(self.root(), id)? else { return Ok(None) };
        let slots = found.slots(id)?;
        let version = slots.live();
        let now = now();
        let touched = found.touched()?;
        Ok(Some(Peek {
            expired: expiry::expired(&version, touched, now),
            dated: expiry::last_active(&version, touched, now),
            info: info(id.clone(), &version, touched, now),
        }))
    }

    fn read<T>(&self, id: &SessionId, map: impl FnOnce(&Version, Instant, Instant) -> T) -> Result<Option<T>> {
        let Some(found) = SessionFile::read(self.root(), id)? else { return Ok(None) };
        let slots = match found.slots(id) {
            Ok(slots) => slots,
            Err(error) => return self.read_locked(id, error, map),
        };
        let version = slots.live();
        let touched = found.touched()?;
        let now = now();
        if expiry::expired(&version, touched, now) {
            self.delete_expired(id);
            return Ok(None);
        }
        Ok(Some(map(&version, touched, now)))
    }

    /// Deletes a session that was seen expired, so that it stays expired when the clock is stepped back. If the session
    /// is locked, its holder will notice; a store that cannot be written keeps it for now.
    fn delete_expired(&self, id: &SessionId) {
        if let Ok(mut guard) = self.lock(id, LockMode::Exclusive, Some(0)) {
            let _ = guard.delete_if_expired();
        }
    }

    /// Reads under the lock a session that could not be read without it: it may just have been renamed or replaced. If
    /// it still cannot be read, it is corrupt and quarantined.
    fn read_locked<T>(
        &self,
        id: &SessionId,
        seen: Error,
        map: impl FnOnce(&Version, Instant, Instant) -> T,
    ) -> Result<Option<T>> {
        let Ok(guard) = self.lock_exclusive(id) else { return Err(seen) };
        let found = match guard.find() {
            // Without write access it cannot be quarantined; return the first error.
            Err(Error::AccessDenied(_) | Error::Io(_)) => return Err(seen),
            found => found?,
        };
        let Some((found, now)) = found else { return Ok(None) };
        Ok(Some(map(&found.slots(id)?.live(), found.touched()?, now)))
    }

    fn lock_exclusive(&self, id: &SessionId) -> Result<FileGuard> {
        self.lock(id, LockMode::Exclusive, None)
    }
}

impl Store for FileStore {
    type Guard = FileGuard;
    type Cursor = FileCursor;

    fn open(location: &str, options: Options) -> Result<Self> {
        let root = match locate(location, options.create)? {
            Some(root) => root,
            None => return Err(no_store(location)),
        };
        let marker = match Marker::read(&root)? {
            Some(marker) => marker,
            None if options.create => set_up_once(&root)?.1,
            None => return Err(no_store(location)),
        };
        let store = Self(Rc::new(Inner { root, marker, options }));
        store.refresh_marker();
        Ok(store)
    }

    fn setup(location: &str, options: Options) -> Result<Self> {
        let root = locate(location, true)?.ok_or_else(|| no_store(location))?;
        match set_up_once(&root)? {
            (true, marker) => Ok(Self(Rc::new(Inner { root, marker, options }))),
            (false, _) => Err(Error::AlreadyExists),
        }
    }

    fn create(&self, id: &SessionId, contents: Contents) -> Result<Info> {
        let mut guard = self.lock_exclusive(id)?;
        guard.ensure_id_is_free()?;
        let now = now();
        let version = Version::of(&contents, 1, now, now);
        owners::with_entry(self.root(), version.owner, id, || commit::new_file(self.root(), id, &version).map(drop))?;
        Host.emit(Some(id), Event::Created);
        Ok(info(id.clone(), &version, now, now))
    }

    fn load(&self, id: &SessionId) -> Result<Option<Record>> {
        self.read(id, |version, touched, now| record(id.clone(), version, touched, now))
    }

    fn save(&self, id: &SessionId, contents: Contents, expected: Option<u64>) -> Result<u64> {
        self.lock_exclusive(id)?.save(contents, expected)
    }

    fn touch(&self, id: &SessionId) -> Result<()> {
        let action = "touch the session";
        let Some(found) = SessionFile::write(self.root(), id)? else { return Err(Error::Gone) };
        let slots = match found.slots(id) {
            Ok(slots) => slots,
            Err(error) => {
                let guard = self.lock_exclusive(id).map_err(|_| error)?;
                let (found, now) = guard.find()?.ok_or(Error::Gone)?;
                return changed(found.file.set_modified(now), action);
            }
        };
        let now = now();
        if expiry::expired(&slots.live(), found.touched()?, now) {
            self.delete_expired(id);
            return Err(Error::Gone);
        }
        changed(found.file.set_modified(now), action)
    }

    fn delete(&self, id: &SessionId) -> Result<bool> {
        self.lock_exclusive(id)?.delete()
    }

    fn has(&self, id: &SessionId) -> Result<bool> {
        Ok(self.read(id, |_, _, _| ())?.is_some())
    }

    fn rename(&self, id: &SessionId, new_id: &SessionId) -> Result<()> {
        self.lock_exclusive(id)?.rename(new_id)
    }

    fn import(&self, record: Record) -> Result<()> {
        let mut guard = self.lock_exclusive(&record.id)?;
        guard.ensure_id_is_free()?;
        let version = Version::of(&record.contents, record.version, record.created, record.modified);
        owners::with_entry(self.root(), version.owner, &record.id, || {
            let file = commit::new_file(self.root(), &record.id, &version)?;
            file.set_modified(record.last_active).map_err(unknown("set when the session was last used"))
        })?;
        Host.emit(Some(&record.id), Event::Created);
        Ok(())
    }

    fn lock(&self, id: &SessionId, mode: LockMode, wait: Option<Milliseconds>) -> Result<FileGuard> {
        let Inner { root, marker, options } = &*self.0;
        let lock = Lock::acquire(&locks::of_session(marker.id(), id), mode, wait.unwrap_or(options.lock_wait))?;
        marker.check(root)?;
        Ok(FileGuard::new(self.clone(), id.clone(), lock))
    }

    fn delete_old(&self, minutes: u32) -> Result<(u64, u64)> {
        garbage::delete_old(self, minutes)
    }

    fn collect_garbage(&self, budget: u32, resume: Option<&str>) -> Result<GarbageReport> {
        garbage::collect(self, budget, resume)
    }

    fn sessions(&self, after: Option<&SessionId>) -> Result<FileCursor> {
        Ok(FileCursor::all(self.clone(), after))
    }

    fn sessions_of(&self, owner: &str) -> Result<FileCursor> {
        FileCursor::of(self.clone(), owner)
    }

    fn ids_of(&self, owner: &str) -> Result<Vec<SessionId>> {
        Ok(self.sessions_of(owner)?.into_ids())
    }

    /// From the index: possibly too high, never too low.
    fn count_of(&self, owner: &str) -> Result<u64> {
        owners::count(self.root(), &layout::owner(owner))
    }

    /// A session renamed meanwhile, say by a login, must not escape under its new id. The index gets the new id before
    /// the session does, so it is read until it holds nothing more to delete.
    fn delete_of(&self, owner: &str) -> Result<u64> {
        let path = layout::owner(owner);
        let mut deleted = 0;
        for _ in 0..LOGOUT_ROUNDS {
            let mut done = true;
            for id in owners::ids(self.root(), &path)? {
                let mut guard = self.lock_exclusive(&id)?;
                let mut elsewhere = true;
                let is_meant = |version: &Version, _, _| {
                    elsewhere = version.owner.is_none_or(|owner| layout::owner(owner) != path);
                    version.owner == Some(owner)
                };
                match guard.delete_if(is_meant) {
                    Ok(true) => deleted += 1,
                    // Gone, or another owner's by now; or it was unreadable and is quarantined, and opens for no
                    // client.
                    Ok(false) | Err(Error::Corrupt(_)) if elsewhere => owners::remove_at(self.root(), &path, &id),
                    // Another owner's, whose hash collides.
                    Ok(false) | Err(Error::Corrupt(_)) => continue,
                    Err(error) => return Err(error),
                }
                done = false;
            }
            if done {
                return Ok(deleted);
            }
        }
        Err(Error::Busy)
    }

    fn usage(&self) -> Result<Usage> {
        usage::usage(self)
    }

    fn is_multiprocess_safe(&self) -> bool {
        locks::reach_processes()
    }

    fn is_thread_safe(&self) -> bool {
        locks::reach_instances()
    }
}
