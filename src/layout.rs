//! File names.
//!
//! ```text
//! session3.store            marks the directory as a store, and identifies it
//! sessions/00 .. ff/ID      one file per session; the directory is the low byte of the id's hash
//! sessions/00 .. ff/ID~X    a temporary file, X random: never the name of a session
//! owners/00 .. ff/HASH/ID   empty: the session ID may belong to the owner with this hash
//! quarantine/ID~X           a file that could not be read as a session, kept for inspection
//! ```

use alloc::format;
use alloc::string::String;

use session_core::SessionId;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// The file that marks a directory as a store.
pub const MARKER: &str = "session3.store";
/// The directory of sessions.
pub const SESSIONS: &str = "sessions";
/// The directory of the owner index.
pub const OWNERS: &str = "owners";
/// The directory of unreadable files.
pub const QUARANTINE: &str = "quarantine";

/// The directory of a shard.
pub fn shard(tree: &str, number: u8) -> String {
    format!("{tree}/{number:02x}")
}

/// The file of a session.
pub fn session(id: &SessionId) -> String {
    format!("{SESSIONS}/{:02x}/{id}", id.shard())
}

/// The session whose file has this name in this shard's directory; none for a valid name in the wrong directory, where
/// no load would find it.
pub fn session_in(shard: u16, name: &str) -> Option<SessionId> {
    SessionId::parse(name).ok().filter(|id| u16::from(id.shard()) == shard)
}

/// A unique name that is no session's: for a temporary or quarantined file.
pub fn unique(name: &str) -> String {
    format!("{name}~{:016x}", wasi::random::random::get_random_u64())
}

/// The name that a unique name was made from.
pub fn unique_of(name: &str) -> Option<&str> {
    let (name, random) = name.split_once('~')?;
    (random.len() == 16 && random.bytes().all(|b| b.is_ascii_hexdigit())).then_some(name)
}

/// The index directory of an owner: 128 bits of its hash. Owners whose hashes collide share it; the sessions tell them
/// apart.
pub fn owner(owner: &str) -> String {
    let [high, low] = [0, 1].map(|seed| xxh3_64_with_seed(owner.as_bytes(), seed));
    format!("{OWNERS}/{:02x}/{high:016x}{low:016x}", low as u8)
}
