//! The index from owner to sessions: one directory for each owner, one empty file for each session.
//!
//! An entry is made before its session says whose it is and removed after. So the index never lacks a session; it may
//! name one too many, and whoever reads it looks into the session.

use alloc::format;
use alloc::vec::Vec;

use session_core::SessionId;
use session_core::error::Result;

use crate::directory::{Directory, ErrorCode, Io, failed};
use crate::layout;

const INDEX: &str = "enter the session in the index of owners";

/// Enter a session, durably. Needs its lock.
pub fn add(root: &Directory, owner: &str, id: &SessionId) -> Result<()> {
    let path = layout::owner(owner);
    // The directory may vanish between the two steps, with its last entry: then it is made again.
    for _ in 0..8 {
        match enter(root, &path, id) {
            Err(ErrorCode::NoEntry) => make(root, &path).map_err(failed(INDEX))?,
            result => return result.map_err(failed(INDEX)),
        }
    }
    Err(failed(INDEX)(ErrorCode::NoEntry))
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
    root.make_directory(shard)?;
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

/// The sessions that may belong to an owner, by the owner's directory.
pub fn ids(root: &Directory, path: &str) -> Result<Vec<SessionId>> {
    let doing = "read the index of owners";
    let directory = match root.directory(path) {
        Ok(directory) => directory,
        Err(ErrorCode::NoEntry) => return Ok(Vec::new()),
        Err(code) => return Err(failed(doing)(code)),
    };
    let mut ids = Vec::new();
    for name in directory.names().map_err(failed(doing))? {
        ids.extend(SessionId::parse(&name.map_err(failed(doing))?));
    }
    Ok(ids)
}
