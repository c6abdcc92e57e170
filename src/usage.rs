//! The size of the store: counted if it is small, estimated from some of its 256 directories if it is large.

use session_core::SessionId;
use session_core::error::Result;
use session_core::store::Usage;

use crate::directory::{Directory, ErrorCode, Io, failed};
use crate::layout;
use crate::store::FileStore;

/// Enough names for an estimate: ids spread evenly, and the error is about the square root of their number.
const ENOUGH: u64 = 4096;

/// Counts the sessions of as many directories as it takes.
pub fn usage(store: &FileStore) -> Result<Usage> {
    let action = "count the sessions";
    let mut seen = Usage::default();
    for shard in 0..=u8::MAX {
        let path = layout::shard(layout::SESSIONS, shard);
        match store.root().directory(&path) {
            Ok(directory) => count(&directory, &mut seen).map_err(failed(action))?,
            // An empty directory, left out of a copy.
            Err(ErrorCode::NoEntry) => {}
            Err(code) => return Err(failed(action)(code)),
        }
        let examined = u64::from(shard) + 1;
        if seen.sessions >= ENOUGH {
            let scaled = |number: u64| number.saturating_mul(256) / examined;
            return Ok(Usage { sessions: scaled(seen.sessions), bytes: scaled(seen.bytes) });
        }
    }
    Ok(seen)
}

fn count(directory: &Directory, seen: &mut Usage) -> Io<()> {
    for name in directory.names()? {
        let name = name?;
        if SessionId::parse(&name).is_ok() {
            seen.sessions += 1;
            seen.bytes += directory.size_of(&name)?;
        }
    }
    Ok(())
}
