//! The names of keys.

use alloc::format;
use alloc::string::String;

use session_core::SessionId;
use session_core::error::{Error, Result};

/// The number of shards of a store. Fixed: stores depend on it.
pub const SHARDS: u8 = 64;

/// The hash tag of each shard. They divide the 16384 slots of a cluster evenly: one in the middle of each 256, so that
/// masters with equal ranges of slots have equal numbers of sessions.
const TAGS: [&str; SHARDS as usize] = [
    "mm", "6q", "9i", "e8", "29", "21", "ap", "ax", "0j", "kv", "dn", "df", "3g", "o6", "gc", "xw", "8g", "d6", "lc",
    "02", "g3", "4c", "on", "4r", "99", "91", "1d", "m5", "fm", "yy", "2i", "iu", "7a", "k0", "ce", "8y", "4l", "op",
    "x9", "x1", "jf", "1z", "zj", "b3", "ik", "2w", "yg", "fs", "bk", "9w", "6o", "ms", "af", "an", "5b", "i3", "c5",
    "dp", "kh", "0t", "xi", "xa", "he", "44",
];

/// A shard: 0 to [`SHARDS`] - 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Shard(u8);

impl Shard {
    /// The shard of a session.
    pub fn of(id: &SessionId) -> Self {
        Self(id.shard() % SHARDS)
    }

    /// All shards, from this one on.
    pub fn from_here(self) -> impl Iterator<Item = Self> {
        (self.0..SHARDS).map(Self)
    }

    /// All shards.
    pub fn all() -> impl Iterator<Item = Self> {
        Self(0).from_here()
    }

    /// The shard with this number, if there is one.
    pub fn numbered(number: u8) -> Option<Self> {
        (number < SHARDS).then_some(Self(number))
    }

    /// The shard that a key belongs to.
    pub fn of_key(key: &str) -> Self {
        Self((slot(key) / (16384 / u16::from(SHARDS))) as u8)
    }

    /// Its number.
    pub fn number(self) -> u8 {
        self.0
    }

    fn tag(self) -> &'static str {
        TAGS[usize::from(self.0)]
    }
}

/// The keys of one store.
#[derive(Clone, Debug)]
pub struct Keys {
    location: String,
}

impl Keys {
    /// The keys at a location below a prefix.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] if a brace would move the hash tag.
    pub fn new(prefix: &str, location: &str) -> Result<Self> {
        let location = if location == "." { String::from(prefix) } else { format!("{prefix}/{location}") };
        if location.contains(['{', '}']) {
            return Err(Error::InvalidArgument("the name of a location on Redis has no braces".into()));
        }
        Ok(Self { location })
    }

    /// Marks the store.
    pub fn marker(&self) -> String {
        format!("{}:store", self.location)
    }

    /// A session.
    pub fn session(&self, id: &SessionId) -> String {
        self.in_shard(Shard::of(id), &format!("s:{id}"))
    }

    /// The ids of a shard's sessions.
    pub fn index(&self, shard: Shard) -> String {
        self.in_shard(shard, "i")
    }

    /// The owners of a shard's sessions.
    pub fn owners(&self, shard: Shard) -> String {
        self.in_shard(shard, "o")
    }

    /// The fate of a rename, in the shard of the old id.
    pub fn fate(&self, old: &SessionId, token: &str) -> String {
        self.in_shard(Shard::of(old), &format!("f:{token}"))
    }

    /// A session that could not be read.
    pub fn quarantine(&self, id: &SessionId, token: &str) -> String {
        self.in_shard(Shard::of(id), &format!("q:{id}:{token}"))
    }

    fn in_shard(&self, shard: Shard, rest: &str) -> String {
        format!("{}:{{{}}}{rest}", self.location, shard.tag())
    }
}

/// The slot of a key in a cluster. Redis Cluster specification: the CRC-16 (XMODEM) of its hash tag, if it has one, modulo
/// 16384.
pub fn slot(key: &str) -> u16 {
    let tag = key.split_once('{').and_then(|(_, rest)| rest.split_once('}')).map(|(tag, _)| tag);
    let mut crc = 0_u16;
    for byte in tag.filter(|tag| !tag.is_empty()).unwrap_or(key).bytes() {
        crc ^= u16::from(byte) << 8;
        for _ in 0..8 {
            crc = if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x1021 };
        }
    }
    crc % 16384
}

/// The start of an owner's entries in the owners' index. No owner's start is the start of another's.
pub fn owner_start(owner: &str) -> String {
    format!("{:03}{owner}", owner.len())
}

/// The id and the time of creation in an entry of the owners' index.
pub fn parse_entry<'a>(entry: &'a [u8], start: &str) -> Option<(&'a str, SessionId)> {
    let rest = core::str::from_utf8(entry.strip_prefix(start.as_bytes())?).ok()?;
    let (created, id) = rest.split_at_checked(20)?;
    Some((created, SessionId::parse(id).ok()?))
}

/// The id in an entry of the owners' index, whoever the owner is.
pub fn id_of_entry(entry: &[u8]) -> Option<SessionId> {
    let length: usize = core::str::from_utf8(entry.get(..3)?).ok()?.parse().ok()?;
    let id = entry.get(3 + length + 20..)?;
    SessionId::parse(core::str::from_utf8(id).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    #[test]
    fn each_shard_has_its_own_256_slots() {
        // The check value of that CRC, which is below 16384.
        assert_eq!(slot("123456789"), 0x31c3);
        assert_eq!(slot("a:{123456789}{b}"), 0x31c3);
        assert_ne!(slot("{}a"), slot("{}b"));
        let slots: Vec<_> = TAGS.iter().map(|tag| slot(tag) / 256).collect();
        assert_eq!(slots, (0..64).collect::<Vec<_>>());
        let keys = Keys::new("session3", ".").unwrap();
        assert!(Shard::all().all(|shard| Shard::of_key(&keys.index(shard)) == shard));
    }

    /// Stores contain them: they must never change.
    #[test]
    fn names_are_what_they_always_were() {
        let id = SessionId::parse("session-1").unwrap();
        let keys = Keys::new("session3", ".").unwrap();
        assert_eq!(keys.marker(), "session3:store");
        assert_eq!(keys.session(&id), "session3:{21}s:session-1");
        assert_eq!(keys.index(Shard::of(&id)), "session3:{21}i");
        assert_eq!(keys.owners(Shard::of(&id)), "session3:{21}o");
        assert_eq!(keys.fate(&id, "ab"), "session3:{21}f:ab");
        assert_eq!(keys.quarantine(&id, "ab"), "session3:{21}q:session-1:ab");
        assert_eq!(Keys::new("session3", "shop/a").unwrap().marker(), "session3/shop/a:store");
        assert!(Keys::new("session3", "a{b").is_err());
    }

    #[test]
    fn entries_of_owners_are_unambiguous() {
        let id = "session-1";
        let start = owner_start("ann");
        assert_eq!(start, "003ann");
        let entry = format!("{start}{:020}{id}", 7);
        assert_eq!(
            parse_entry(entry.as_bytes(), &start).map(|(created, id)| (created.parse(), id.as_str() == "session-1")),
            Some((Ok(7), true))
        );
        assert_eq!(id_of_entry(entry.as_bytes()).map(|id| id.as_str() == "session-1"), Some(true));
        assert_eq!(parse_entry(entry.as_bytes(), &owner_start("an")), None);
        for bad in ["", "003", "003ann", "xyz", "003ann00000000000000000007A"] {
            assert_eq!(id_of_entry(bad.as_bytes()), None, "{bad}");
        }
    }
}
