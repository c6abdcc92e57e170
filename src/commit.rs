//! Writing a version into a file, and giving a file its name.
//!
//! A function that fails leaves the session unchanged or returns `outcome-unknown`. After a failed sync nothing is
//! retried in place: the kernel has dropped the pages and marked them clean.

use guest_exports::memory;
use session_core::SessionId;
use session_core::error::{Error, Result};
use session_core::record::{HEADER, Version};
use session_core::slots::{self, CELL_AT, Slots};
use session_core::store::{Instant, MAX_OWNER};

use crate::directory::{Directory, ErrorCode, File, Io, failed, unknown};
use crate::layout;

/// Maximum size of a version beyond its data.
const OVERHEAD: usize = HEADER + MAX_OWNER;

/// Memory a load needs beyond the file and the data.
const MARGIN: usize = 2 << 20;

const SAVE: &str = "save the session";
const CREATE: &str = "store the session in a new file";

/// Saves a version over the file's oldest slot or, when it does not fit or the file has no proven version, in a new
/// file.
pub fn save(root: &Directory, id: &SessionId, file: &File, slots: &Slots, next: &Version, durable: bool) -> Result<()> {
    let Some(at) = slots.place(next.encoded_len()) else {
        return new_file(root, id, next).map(drop);
    };
    memory::ensure(next.data.len(), |data| data + OVERHEAD)?;
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

/// Clears the slot after a failed write, which may have taken effect. If that succeeds, the session is unchanged. The
/// attempt does not count as use: the idle timeout still runs from the last save.
fn take_back(file: &File, at: u64, modified: Instant, code: ErrorCode) -> Error {
    match file.write(&[0; 16], at).and_then(|()| file.sync()).and_then(|()| file.set_modified(modified)) {
        Ok(()) => failed(SAVE)(code),
        Err(_) => unknown(SAVE)(code),
    }
}

/// Writes a version into a new file and gives it the session's name. Needs the session's lock: it replaces a file of
/// that name.
///
/// Data and name are on the disk when this returns, whatever the durability: a name without its data would be an
/// unreadable session, and a save into a file without a durable name would be lost with it.
pub fn new_file(root: &Directory, id: &SessionId, version: &Version) -> Result<File> {
    // As much as a load needs, so what is stored can be loaded by an instance with the same memory limit.
    memory::ensure(version.data.len(), |data| slots::new_file_len(data + OVERHEAD) + MARGIN)?;
    let shard = shard(root, id).map_err(failed(CREATE))?;
    let (head, bytes) = slots::new_file(id, version, wasi::random::random::get_random_u64());
    let file = publish(&shard, id.as_str(), &bytes)?;
    file.write(&head.cell(Some(version.version), id, id), CELL_AT).map_err(unknown(CREATE))?;
    Ok(file)
}

/// Writes the file that marks a directory as a store.
pub fn marker(root: &Directory, text: &[u8]) -> Result<()> {
    publish(root, layout::MARKER, text).map(drop)
}

/// Writes a file under a temporary name, then renames it; both durable.
fn publish(directory: &Directory, name: &str, bytes: &[u8]) -> Result<File> {
    let temporary = layout::unique(name);
    let file = directory.create(&temporary).map_err(failed(CREATE))?;
    if let Err(code) = file.write(bytes, 0).and_then(|()| file.sync()) {
        discard(directory, &temporary);
        return Err(failed(CREATE)(code));
    }
    if let Err(code) = directory.rename(&temporary, name) {
        // The rename may have taken effect before the error: then the temporary name is gone.
        let renamed = !matches!(directory.exists(&temporary), Ok(true));
        discard(directory, &temporary);
        return Err(if renamed { unknown(CREATE)(code) } else { failed(CREATE)(code) });
    }
    directory.sync().map_err(unknown(CREATE))?;
    Ok(file)
}

/// Removes a temporary file. If that fails, garbage collection removes it.
fn discard(directory: &Directory, temporary: &str) {
    let _ = directory.remove(temporary);
}

/// Moves a session's file to its new name, which counts as use now.
///
/// From then on the file is valid under both names and proves nothing: the next save makes a new file. The cell is
/// synced first, since under the new name a file with the old cell would be another session's. Nothing is written once
/// the new name is visible: others may already touch the session.
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
        // A failed attempt does not count as use.
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

/// Removes a session's file. With `durable`, the name does not reappear after a power cut.
pub fn remove(root: &Directory, id: &SessionId, durable: bool) -> Result<()> {
    const DELETE: &str = "delete the session";
    let path = layout::session(id);
    if let Err(code) = root.remove(&path) {
        // The removal may have taken effect before the error: then the name is gone.
        if !matches!(root.exists(&path), Ok(false)) {
            return Err(failed(DELETE)(code));
        }
    }
    if durable { sync_shard(root, id).map_err(unknown(DELETE)) } else { Ok(()) }
}

/// Opens or makes the directory of a session. A copy that leaves out empty directories lacks it.
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
