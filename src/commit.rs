//! How a version gets into a file, and a file to its name.
//!
//! Every function leaves the session as it was when it fails, or says `outcome-unknown`. After a failed sync nothing
//! is tried again in place: the kernel has dropped the pages and calls them clean.

use guest_exports::memory;
use session_core::SessionId;
use session_core::error::{Error, Result};
use session_core::record::{HEADER, Version};
use session_core::slots::{self, CELL_AT, Slots};
use session_core::store::{Instant, MAX_OWNER};

use crate::directory::{Directory, ErrorCode, File, Io, failed, unknown};
use crate::layout;

/// What a version takes beside its data, at most.
const OVERHEAD: usize = HEADER + MAX_OWNER;

/// What a load takes beside the file and the data.
const MARGIN: usize = 2 << 20;

const SAVE: &str = "save the session";
const CREATE: &str = "store the session in a new file";

/// Save a version over the file's oldest slot or, when it does not fit or nothing in the file is proven, in a new file.
pub fn save(root: &Directory, id: &SessionId, file: &File, slots: &Slots, next: &Version, durable: bool) -> Result<()> {
    let Some(at) = slots.place(next.encoded_len()) else {
        return new_file(root, id, next);
    };
    memory::need(next.data.len(), |data| data + OVERHEAD)?;
    let head = slots.head();
    if let Err(code) = file.write(&slots::encode(&head, next), at) {
        return Err(take_back(file, at, slots.live().modified, code));
    }
    if durable {
        file.sync().map_err(unknown(SAVE))?;
        file.write(&head.cell(Some(next.version), id, id), CELL_AT).map_err(unknown(SAVE))?;
    }
    Ok(())
}

/// A write failed, perhaps after it took effect: empty the slot. When that is certain, the session is as it was. The
/// attempt does not count as use: it ends its idle time no later than its last save said.
fn take_back(file: &File, at: u64, modified: Instant, code: ErrorCode) -> Error {
    match file.write(&[0; 16], at).and_then(|()| file.sync()).and_then(|()| file.set_modified(modified)) {
        Ok(()) => failed(SAVE)(code),
        Err(_) => unknown(SAVE)(code),
    }
}

/// Put a version into a new file and give it the session's name. Needs the session's lock: it replaces a file of
/// that name.
///
/// Whatever the durability, data and name are on the disk when this returns: a name without its data would be a
/// session that cannot be read, and a save into a file without a durable name would be lost with it.
pub fn new_file(root: &Directory, id: &SessionId, version: &Version) -> Result<()> {
    // As much as a load takes, so what is stored can be loaded by an instance that may have as much.
    memory::need(version.data.len(), |data| slots::new_file_len(data + OVERHEAD) + MARGIN)?;
    let shard = shard(root, id).map_err(failed(CREATE))?;
    let (head, bytes) = slots::new_file(id, version, wasi::random::random::get_random_u64());
    let file = publish(&shard, id.as_str(), &bytes)?;
    file.write(&head.cell(Some(version.version), id, id), CELL_AT).map_err(unknown(CREATE))
}

/// Write the file that makes a directory a store.
pub fn marker(root: &Directory, text: &[u8]) -> Result<()> {
    publish(root, layout::MARKER, text).map(drop)
}

/// Write a file under a name in the making, then rename it; both durable.
fn publish(directory: &Directory, name: &str, bytes: &[u8]) -> Result<File> {
    let making = layout::unique(name);
    let file = directory.create(&making).map_err(failed(CREATE))?;
    if let Err(code) = file.write(bytes, 0).and_then(|()| file.sync()) {
        discard(directory, &making);
        return Err(failed(CREATE)(code));
    }
    if let Err(code) = directory.rename(&making, name) {
        // An error after the effect looks the same: the file has then left its name in the making.
        let renamed = !matches!(directory.exists(&making), Ok(true));
        discard(directory, &making);
        return Err(if renamed { unknown(CREATE)(code) } else { failed(CREATE)(code) });
    }
    directory.sync().map_err(unknown(CREATE))?;
    Ok(file)
}

/// Remove a file in the making. If that fails too, garbage collection finds it.
fn discard(directory: &Directory, making: &str) {
    let _ = directory.remove(making);
}

/// Move a session's file to its new name, used now.
///
/// The file answers to both names from then on, and proves nothing: the next save makes a new one. The cell is synced
/// first, since under the new name a file with the old cell would be another session's. Nothing is written once the new
/// name is seen: others may be touching the session by then.
pub fn rename(
    root: &Directory,
    old: &SessionId,
    new: &SessionId,
    file: &File,
    slots: &Slots,
    touched: Instant,
    now: Instant,
) -> Result<()> {
    const RENAME: &str = "rename the session";
    let not_renamed = |code| {
        // An attempt is no use of the session.
        let _ = file.set_modified(touched);
        failed(RENAME)(code)
    };
    let prepared = file.write(&slots.head().cell(None, old, new), CELL_AT).and_then(|()| file.sync());
    prepared.and_then(|()| file.set_modified(now)).map_err(not_renamed)?;
    let shard = shard(root, new).map_err(not_renamed)?;
    let (from, to) = (layout::session(old), layout::session(new));
    if let Err(code) = root.rename(&from, &to) {
        let there = matches!(root.exists(&from), Ok(true));
        return Err(if there { not_renamed(code) } else { unknown(RENAME)(code) });
    }
    shard.sync().and_then(|()| sync_shard(root, old)).map_err(unknown(RENAME))
}

/// Remove a session's file. With `durable`, the name does not come back after a power cut.
pub fn remove(root: &Directory, id: &SessionId, durable: bool) -> Result<()> {
    const DELETE: &str = "delete the session";
    let path = layout::session(id);
    if let Err(code) = root.remove(&path) {
        // An error after the effect looks the same: then the name is gone.
        if !matches!(root.exists(&path), Ok(false)) {
            return Err(failed(DELETE)(code));
        }
    }
    if durable { sync_shard(root, id).map_err(unknown(DELETE)) } else { Ok(()) }
}

/// The directory of a session that is to be. It is missing where the store was restored from a copy without what was empty.
fn shard(root: &Directory, id: &SessionId) -> Io<Directory> {
    let path = layout::shard(layout::SESSIONS, id.shard());
    match root.directory(&path) {
        Err(ErrorCode::NoEntry) => {
            root.make_directory_in(layout::SESSIONS, &path)?;
            root.directory(layout::SESSIONS)?.sync()?;
            root.directory(&path)
        }
        found => found,
    }
}

fn sync_shard(root: &Directory, id: &SessionId) -> Io<()> {
    root.directory(&layout::shard(layout::SESSIONS, id.shard()))?.sync()
}
