//! Session ids.

use alloc::format;
use alloc::string::{String, ToString};
use core::fmt;

use sha2::{Digest, Sha256};

use crate::Error;

/// The name of a session: 8 to 128 characters of `0-9 a-z _ -`. Always valid.
///
/// It is also the name of the session's file, so it has no separators, dots or upper case: it cannot leave its
/// directory, collide with names reserved by the store (which have a dot or a tilde), or change meaning on
/// case-insensitive file systems.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(String);

impl SessionId {
    /// Minimum number of characters.
    pub const MIN: usize = 8;
    /// Maximum number of characters.
    pub const MAX: usize = 128;

    /// Parses an id. The error does not repeat the input, which may be a misplaced secret.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let length = text.len();
        if !(Self::MIN..=Self::MAX).contains(&length) {
            return Err(Error::InvalidId(format!(
                "a session id has {} to {} characters, this one {length}",
                Self::MIN,
                Self::MAX
            )));
        }
        let allowed = |b: u8| matches!(b, b'0'..=b'9' | b'a'..=b'z' | b'_' | b'-');
        match text.bytes().position(|b| !allowed(b)) {
            None => Ok(Self(text.to_string())),
            Some(at) => Err(Error::InvalidId(format!(
                "a session id has only the characters 0-9 a-z _ -, not the one at byte {at}"
            ))),
        }
    }

    /// Generates an id from 16 random bytes: a version 4 UUID in 32 hex digits (RFC 9562). It is a name, not a
    /// credential: 122 random bits make it unique.
    pub fn generate(random: [u8; 16]) -> Self {
        Self(uuid::Builder::from_random_bytes(random).into_uuid().simple().to_string())
    }

    /// Derives the id of a record or lock that belongs to another name: `<kind>-<128 bits of SHA-256>`.
    pub fn derive(kind: &str, of: &str) -> Result<Self, Error> {
        let hash =
            Sha256::new().chain_update(b"session3 id 1\0").chain_update(kind).chain_update(b"\0").chain_update(of);
        let digits = base16ct::lower::encode_string(&hash.finalize()[..16]);
        Self::parse(&format!("{kind}-{digits}"))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Which of the store's 256 directories holds the session: the low byte of the id's hash, so that ids of any
    /// pattern spread evenly.
    pub fn shard(&self) -> u8 {
        xxhash_rust::xxh3::xxh3_64_with_seed(self.0.as_bytes(), 0) as u8
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refused(text: &str, reason: &str) {
        assert_eq!(SessionId::parse(text), Err(Error::InvalidId(reason.to_string())));
    }

    #[test]
    fn an_id_has_8_to_128_characters_and_no_others() {
        for text in ["01234567", "-_-_-_-_", "azaz0909", &"a".repeat(128)] {
            assert_eq!(SessionId::parse(text).map(|id| id.as_str().to_string()), Ok(text.to_string()));
        }
        refused("0123456", "a session id has 8 to 128 characters, this one 7");
        refused(&"a".repeat(129), "a session id has 8 to 128 characters, this one 129");
        for other in ["A", ".", "/", "~", " ", "\0", "`", "{", ":", "\u{e9}"] {
            refused(
                &format!("abcd{other}efgh"),
                "a session id has only the characters 0-9 a-z _ -, not the one at byte 4",
            );
        }
    }

    #[test]
    fn a_new_id_is_a_version_4_uuid() {
        assert_eq!(SessionId::generate([0; 16]).as_str(), "00000000000040008000000000000000");
        assert_eq!(SessionId::generate([0xff; 16]).as_str(), "ffffffffffff4fffbfffffffffffffff");
    }

    /// Stores contain them: they must never change.
    #[test]
    fn a_derived_id_and_a_shard_are_what_they_always_were() {
        let id = SessionId::derive("old", "session-1").expect("an id");
        assert_eq!(id.as_str(), "old-43421f45c60c89e42073e8fedff85da3");
        assert_eq!(
            ["session-1", "session-2", "old-00000000"].map(|id| SessionId::parse(id).expect("an id").shard()),
            [5, 152, 53]
        );
        assert_ne!(SessionId::derive("user", "session-1").expect("an id"), id);
        assert!(SessionId::derive("Old", "session-1").is_err());
    }

    #[test]
    fn it_is_shown_as_it_is() {
        let id = SessionId::parse("session-1").expect("an id");
        assert_eq!(format!("{id} {id:?}"), "session-1 session-1");
    }
}
