//! A session's file, read into memory.

use alloc::borrow::ToOwned;
use alloc::vec::Vec;

use session_core::error::Result;
use session_core::record::Version;
use session_core::slots::Slots;
use session_core::store::{Info, Instant, Record};
use session_core::{SessionId, expiry};

use crate::directory::{Directory, File, failed};
use crate::layout;

/// Maximum reads while a writer is active; the last one counts.
const READS: usize = 4;

/// A session without its data, read without side effects.
pub struct Peek {
    /// The session.
    pub info: Info,
    /// Whether it has expired.
    pub expired: bool,
    /// Its last activity; none when all its time stamps lie in the future.
    pub dated: Option<Instant>,
}

/// A session's file, read into memory.
pub struct SessionFile {
    /// The file.
    pub file: File,
    bytes: Vec<u8>,
}

impl SessionFile {
    /// Reads a session's file without its lock.
    pub fn read(root: &Directory, id: &SessionId) -> Result<Option<Self>> {
        let Some(file) = root.read(&layout::session(id)).map_err(failed("load the session"))? else { return Ok(None) };
        let mut found = Self { bytes: contents(&file)?, file };
        for _ in 1..READS {
            // A slot was torn: a writer is active, and this read may have missed both its version and the one before.
            // Or a writer died long ago; then another read changes nothing.
            if !found.slots(id).is_ok_and(|slots| slots.torn()) {
                break;
            }
            let bytes = contents(&found.file)?;
            if bytes == found.bytes {
                break;
            }
            found.bytes = bytes;
        }
        Ok(Some(found))
    }

    /// Reads a session's file to write it: under its exclusive lock, except for a touch.
    pub fn write(root: &Directory, id: &SessionId) -> Result<Option<Self>> {
        let Some(file) = root.write(&layout::session(id)).map_err(failed("open the session for writing"))? else {
            return Ok(None);
        };
        Ok(Some(Self { bytes: contents(&file)?, file }))
    }

    /// Finds the versions in the file.
    pub fn slots(&self, id: &SessionId) -> Result<Slots<'_>> {
        Slots::parse(&self.bytes, id)
    }

    /// When the session was last saved or touched.
    pub fn touched(&self) -> Result<Instant> {
        self.file.modified().map_err(failed("read when the session was last used"))
    }
}

fn contents(file: &File) -> Result<Vec<u8>> {
    file.contents().map_err(failed("load the session"))
}

/// Converts a version to a record, with the file's time of last use.
pub fn record(id: SessionId, version: &Version, touched: Instant, now: Instant) -> Record {
    Record {
        id,
        version: version.version,
        created: version.created,
        modified: version.modified,
        last_active: last_active(version, touched, now),
        contents: version.to_contents(),
    }
}

/// Converts a version to a record without data, with the file's time of last use.
pub fn info(id: SessionId, version: &Version, touched: Instant, now: Instant) -> Info {
    Info {
        id,
        version: version.version,
        created: version.created,
        modified: version.modified,
        last_active: last_active(version, touched, now),
        owner: version.owner.map(str::to_owned),
        idle_timeout: version.idle_timeout,
        deadline: version.deadline,
        size: version.data.len() as u32,
    }
}

fn last_active(version: &Version, touched: Instant, now: Instant) -> Instant {
    expiry::last_active(version, touched, now).unwrap_or(version.created.min(now))
}
