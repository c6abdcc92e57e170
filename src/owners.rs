//! The index from owner to sessions: one directory for each owner, one empty file for each session.
//!
//! An entry is made before its session says whose it is and removed after. So the index never lacks a session; it may
//! name one too many, and whoever reads it looks into the session. A copy of the directory that was made while it was in
//! use may lack some: garbage collection enters them.

use alloc::format;
use alloc::vec::Vec;

use session_core::SessionId;
use session_core::error::{Error, Result};

use crate::directory::{Directory, ErrorCode, Io, failed};
use crate::layout;

const INDEX: &str = "enter the session in the index of owners";
const READ: &str = "read the index of owners";

/// Enter a session as its owner's, if it is to have one, before `make` makes it so. When that fails the entry is taken back,
/// unless nobody knows whether it failed. Needs the session's lock.
pub fn with_entry(
    root: &Directory,
    owner: Option<&str>,
    id: &SessionId,
    make: impl FnOnce() -> Result<()>,
) -> Result<()> {
    let Some(owner) = owner else { return make() };
    add(root, owner, id)?;
    let made = make();
    let undone = made.as_ref().is_err_and(|error| !matches!(error, Error::OutcomeUnknown(_)));
    if undone {
        remove(root, owner, id);
    }
    made
}

/// Enter a session, durably; when that fails nothing is left of it. Needs its lock.
pub fn add(root: &Directory, owner: &str, id: &SessionId) -> Result<()> {
    let path = layout::owner(owner);
    let added = try_add(root, &path, id);
    if added.is_err() {
        remove_at(root, &path, id);
    }
    added.map_err(failed(INDEX))
}

fn try_add(root: &Directory, path: &str, id: &SessionId) -> Io<()> {
    // The directory may vanish between the two steps, with its last entry: then it is made again.
    for _ in 0..8 {
        match enter(root, path, id) {
            Err(ErrorCode::NoEntry) => make(root, path)?,
            result => return result,
        }
    }
    Err(ErrorCode::NoEntry)
}

fn enter(root: &Directory, path: &str, id: &SessionId) -> Io<()> {
    let directory = root.directory(path)?;
    match directory.create(id.as_str()) {
        Ok(_) | Err(ErrorCode::Exist) => directory.sync(),
        Err(code) => Err(code),
    }
}

fn make(root: &Directory, path: &str) -> Io<()> {
    let shard = path.rsplit_once('/').map_or(path, |(shard, _)| shard);
    root.make_directory_in(layout::OWNERS, shard)?;
    root.make_directory(path)?;
    root.directory(layout::OWNERS)?.sync()?;
    root.directory(shard)?.sync()
}

/// Remove an entry whose session has gone or has another owner by now. Needs its lock. A failure costs nothing: the
/// entry is one too many, and garbage collection removes it.
pub fn remove(root: &Directory, owner: &str, id: &SessionId) {
    remove_at(root, &layout::owner(owner), id);
}

/// Like `remove`, by the owner's directory.
pub fn remove_at(root: &Directory, path: &str, id: &SessionId) {
    let _ = root.remove(&format!("{path}/{id}"));
    // Fails while it has other entries.
    let _ = root.remove_directory(path);
}

/// Whether a session is entered as this owner's.
pub fn has(root: &Directory, owner: &str, id: &SessionId) -> Result<bool> {
    root.exists(&format!("{}/{id}", layout::owner(owner))).map_err(failed(READ))
}

/// The sessions that may belong to an owner, by the owner's directory.
pub fn ids(root: &Directory, path: &str) -> Result<Vec<SessionId>> {
    let mut ids = Vec::new();
    for_each(root, path, |id| ids.push(id))?;
    Ok(ids)
}

/// How many sessions may belong to an owner, by the owner's directory.
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
