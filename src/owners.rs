//! The index from owner to sessions: one directory per owner, one empty file per session.
//!
//! An entry is added before its session names the owner and removed after it no longer does. So the index never lacks a
//! session; it may have stale entries, and readers check the session. A copy of the directory made while it was in use
//! may lack entries: garbage collection adds them.

use alloc::format;
use alloc::vec::Vec;

use session_core::SessionId;
use session_core::error::{Error, Result};

use crate::directory::{Directory, ErrorCode, Io, failed};
use crate::layout;

const INDEX: &str = "add the session to the owner index";
const READ: &str = "read the owner index";

/// Adds an entry for the session's owner, if any, before `change` sets that owner. If `change` fails the entry is
/// removed, unless the outcome is unknown. Needs the session's lock.
pub fn with_entry(
    root: &Directory,
    owner: Option<&str>,
    id: &SessionId,
    change: impl FnOnce() -> Result<()>,
) -> Result<()> {
    let Some(owner) = owner else { return change() };
    add(root, owner, id)?;
    let result = change();
    let undone = result.as_ref().is_err_and(|error| !matches!(error, Error::OutcomeUnknown(_)));
    if undone {
        remove(root, owner, id);
    }
    result
}

/// Adds an entry, durably; on failure it is removed. Needs the session's lock.
pub fn add(root: &Directory, owner: &str, id: &SessionId) -> Result<()> {
    let path = layout::owner(owner);
    let added = try_add(root, &path, id);
    if added.is_err() {
        remove_at(root, &path, id);
    }
    added.map_err(failed(INDEX))
}

fn try_add(root: &Directory, path: &str, id: &SessionId) -> Io<()> {
    // The directory may be removed between the two steps, with its last entry: then it is made again.
    for _ in 0..8 {
        match create_entry(root, path, id) {
            Err(ErrorCode::NoEntry) => make_directory(root, path)?,
            result => return result,
        }
    }
    Err(ErrorCode::NoEntry)
}

fn create_entry(root: &Directory, path: &str, id: &SessionId) -> Io<()> {
    let directory = root.directory(path)?;
    match directory.create(id.as_str()) {
        Ok(_) | Err(ErrorCode::Exist) => directory.sync(),
        Err(code) => Err(code),
    }
}

fn make_directory(root: &Directory, path: &str) -> Io<()> {
    let shard = path.rsplit_once('/').map_or(path, |(shard, _)| shard);
    root.make_directory_in(layout::OWNERS, shard)?;
    root.make_directory(path)?;
    root.directory(layout::OWNERS)?.sync()?;
    root.directory(shard)?.sync()
}

/// Removes the entry of a session that is gone or has another owner by now. Needs the session's lock. A failure is
/// harmless: garbage collection removes the stale entry.
pub fn remove(root: &Directory, owner: &str, id: &SessionId) {
    remove_at(root, &layout::owner(owner), id);
}

/// Like `remove`, by the owner's directory.
pub fn remove_at(root: &Directory, path: &str, id: &SessionId) {
    let _ = root.remove(&format!("{path}/{id}"));
    // Fails while the directory has other entries.
    let _ = root.remove_directory(path);
}

/// Whether the owner has an entry for a session.
pub fn has(root: &Directory, owner: &str, id: &SessionId) -> Result<bool> {
    root.exists(&format!("{}/{id}", layout::owner(owner))).map_err(failed(READ))
}

/// The sessions that may belong to an owner, by the owner's directory.
pub fn ids(root: &Directory, path: &str) -> Result<Vec<SessionId>> {
    let mut ids = Vec::new();
    for_each(root, path, |id| ids.push(id))?;
    Ok(ids)
}

/// Counts the sessions that may belong to an owner, by the owner's directory.
pub fn count(root: &Directory, path: &str) -> Result<u64> {
    let mut count = 0;
    for_each(root, path, |_| count += 1)?;
    Ok(count)
}

fn for_each(root: &Directory, path: &str, mut each: impl FnMut(SessionId)) -> Result<()> {
    let directory = match root.directory(path) {
        Ok(directory) => directory,
        Err(ErrorCode::NoEntry) => return Ok(()),
        Err(code) => return Err(failed(READ)(code)),
    };
    for name in directory.names().map_err(failed(READ))? {
        SessionId::parse(&name.map_err(failed(READ))?).into_iter().for_each(&mut each);
    }
    Ok(())
}
