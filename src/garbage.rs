//! Garbage collection in bounded steps: deletes expired sessions, abandoned temporary files and index entries without a
//! session, and adds missing index entries. All under the session's lock, which is only tried: what is locked is in
//! use.

use alloc::format;
use alloc::string::String;

use guest_exports::host::now;
use session_core::error::{Error, Result};
use session_core::store::{GarbageReport, LockMode, Store};
use session_core::{SessionId, expiry};

use crate::directory::ErrorCode;
use crate::listing::{Walk, names_after};
use crate::locks::{self, Lock};
use crate::store::FileStore;
use crate::{layout, owners};

/// The position of a step: a tree, one of its 256 directories, and the last name examined there. As text `s3f:NAME`.
struct Position {
    in_owners: bool,
    shard: u8,
    after: String,
}

impl Position {
    fn parse(text: &str) -> Result<Self> {
        let wrong = || Error::InvalidArgument("`resume` is not from an earlier garbage report".into());
        let (place, after) = text.split_once(':').ok_or_else(wrong)?;
        let (tree, shard) = place.split_at_checked(1).ok_or_else(wrong)?;
        let in_owners = match tree {
            "s" => false,
            "o" => true,
            _ => return Err(wrong()),
        };
        let shard = u8::from_str_radix(shard, 16).map_err(|_| wrong())?;
        Ok(Self { in_owners, shard, after: after.into() })
    }

    fn text(&self) -> String {
        format!("{}{:02x}:{}", if self.in_owners { 'o' } else { 's' }, self.shard, self.after)
    }

    fn path(&self) -> String {
        layout::shard(if self.in_owners { layout::OWNERS } else { layout::SESSIONS }, self.shard)
    }

    /// The next directory; none after the last.
    fn next(&self) -> Option<Self> {
        let (in_owners, shard) = match self.shard.checked_add(1) {
            Some(shard) => (self.in_owners, shard),
            None if self.in_owners => return None,
            None => (true, 0),
        };
        Some(Self { in_owners, shard, after: String::new() })
    }
}

/// Runs one step, from the start or from where an earlier one ended.
pub fn collect(store: &FileStore, budget: u32, resume: Option<&str>) -> Result<GarbageReport> {
    let mut report = GarbageReport::default();
    let mut place = match resume {
        Some(text) => Position::parse(text)?,
        None => {
            store.refresh_marker();
            abandoned_markers(store, &mut report)?;
            Position { in_owners: false, shard: 0, after: String::new() }
        }
    };
    loop {
        let (names, more) = names_after(store.root(), &place.path(), &place.after)?;
        for name in names {
            if report.examined >= budget {
                report.resume = Some(place.text());
                return Ok(report);
            }
            report.examined += 1;
            if place.in_owners {
                owner(store, &format!("{}/{name}", place.path()), &mut report)?;
            } else {
                session(store, &place, &name, &mut report)?;
            }
            place.after = name;
        }
        if !more {
            match place.next() {
                Some(next) => place = next,
                None => return Ok(report),
            }
        }
    }
}

fn session(store: &FileStore, place: &Position, name: &str, report: &mut GarbageReport) -> Result<()> {
    if let Some(id) = layout::session_in(place.shard.into(), name) {
        let peek = match store.peek(&id) {
            Ok(Some(peek)) => peek,
            Ok(None) | Err(Error::Corrupt(_)) => return Ok(()),
            Err(error) => return Err(error),
        };
        if !peek.expired {
            return repair(store, &id, peek.info.owner.as_deref(), report);
        }
        if let Some(mut guard) = if_free(store.lock(&id, LockMode::Exclusive, Some(0)))? {
            guard.delete_if_expired()?;
            report.expired += 1;
        }
    } else if let Some(id) = layout::unique_of(name).and_then(|id| SessionId::parse(id).ok())
        && let Some(_guard) = if_free(store.lock(&id, LockMode::Exclusive, Some(0)))?
    {
        // Temporary files are written under their session's lock, so this one is abandoned.
        remove(store, &format!("{}/{name}", place.path()), report)?;
    }
    Ok(())
}

/// Adds a missing index entry. In a copy of the directory made while sessions were created, the index may be older than
/// they are; without the entry, an owner's listing and logout everywhere would miss the session.
fn repair(store: &FileStore, id: &SessionId, owner: Option<&str>, report: &mut GarbageReport) -> Result<()> {
    let is_missing = |owner: Option<&str>| match owner {
        Some(owner) => owners::has(store.root(), owner, id).map(|there| !there),
        None => Ok(false),
    };
    if is_missing(owner)?
        && let Some(_guard) = if_free(store.lock(id, LockMode::Exclusive, Some(0)))?
        && let Some(owner) = owner_of(store, id)?
        && is_missing(Some(&owner))?
    {
        owners::add(store.root(), &owner, id)?;
        report.repaired += 1;
    }
    Ok(())
}

/// The owner of a session that exists and can be read.
fn owner_of(store: &FileStore, id: &SessionId) -> Result<Option<String>> {
    match store.peek(id) {
        Ok(peek) => Ok(peek.filter(|peek| !peek.expired).and_then(|peek| peek.info.owner)),
        Err(Error::Corrupt(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

fn owner(store: &FileStore, path: &str, report: &mut GarbageReport) -> Result<()> {
    let ids = match owners::ids(store.root(), path) {
        Err(Error::Corrupt(_)) => return Ok(()),
        ids => ids?,
    };
    for id in &ids {
        report.examined += 1;
        if belongs(store, id, path)? {
            continue;
        }
        if let Some(_guard) = if_free(store.lock(id, LockMode::Exclusive, Some(0)))?
            && !belongs(store, id, path)?
        {
            owners::remove_at(store.root(), path, id);
            report.abandoned += 1;
        }
    }
    if ids.is_empty() {
        // Fails when an entry was added meanwhile, or when it holds other files.
        let _ = store.root().remove_directory(path);
    }
    Ok(())
}

/// Whether a session's owner has this index directory. Assumed of a session that cannot be read.
fn belongs(store: &FileStore, id: &SessionId, path: &str) -> Result<bool> {
    match store.peek(id) {
        Ok(peek) => Ok(peek.and_then(|peek| peek.info.owner).is_some_and(|owner| layout::owner(&owner) == path)),
        Err(Error::Corrupt(_)) => Ok(true),
        Err(error) => Err(error),
    }
}

/// Removes the temporary marker that a killed set-up leaves.
fn abandoned_markers(store: &FileStore, report: &mut GarbageReport) -> Result<()> {
    let (names, _) = names_after(store.root(), ".", "")?;
    if !names.iter().any(|name| layout::unique_of(name) == Some(layout::MARKER)) {
        return Ok(());
    }
    if let Some(_lock) = if_free(Lock::acquire(locks::SETUP, LockMode::Exclusive, 0))? {
        for name in names.iter().filter(|name| layout::unique_of(name) == Some(layout::MARKER)) {
            remove(store, name, report)?;
        }
    }
    Ok(())
}

fn remove(store: &FileStore, path: &str, report: &mut GarbageReport) -> Result<()> {
    match store.root().remove(path) {
        Ok(gone) => report.abandoned += u32::from(gone),
        // Not a file, so not the store's.
        Err(ErrorCode::IsDirectory | ErrorCode::NotPermitted) => {}
        Err(code) => return Err(crate::directory::failed("remove an abandoned file")(code)),
    }
    Ok(())
}

/// Returns a lock if it is free.
fn if_free<T>(lock: Result<T>) -> Result<Option<T>> {
    match lock {
        Ok(lock) => Ok(Some(lock)),
        Err(Error::Busy | Error::Deadlock) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Deletes sessions by age of their last activity. Returns how many were deleted and how many remain.
pub fn delete_old(store: &FileStore, minutes: u32) -> Result<(u64, u64)> {
    let age = u64::from(minutes) * 60_000;
    let (mut deleted, mut remaining) = (0, 0);
    let mut walk = Walk::new(store.clone(), None);
    while let Some(id) = walk.next_id()? {
        let now = now();
        let is_old = |dated: Option<u64>| dated.is_some_and(|dated| now - dated.min(now) >= age);
        let old = match store.peek(&id) {
            Ok(Some(peek)) => peek.expired || is_old(peek.dated),
            Ok(None) => continue,
            Err(Error::Corrupt(_)) => false,
            Err(error) => return Err(error),
        };
        let gone = old
            && match if_free(store.lock(&id, LockMode::Exclusive, Some(0)))? {
                Some(mut guard) => {
                    guard.collect_if(|version, touched, now| is_old(expiry::last_active(version, touched, now)))?
                        || store.peek(&id)?.is_none()
                }
                None => false,
            };
        if gone { deleted += 1 } else { remaining += 1 }
    }
    Ok((deleted, remaining))
}
