//! Credentials: the id of a session and a secret.
//!
//! The id names the session in files, listings and logs. The secret is in the cookie only; the session stores a hash of
//! it. So a copy of the store logs nobody in.

use alloc::string::String;
use core::fmt;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::SessionId;

/// 128 random bits.
pub struct Secret([u8; 16]);

/// The hash of a secret, as a session stores it.
///
/// A plain hash suffices: 128 random bits cannot be guessed, however fast the hash. It covers the id, so that a secret
/// opens only the session it was made for, wherever the hash is copied to.
#[derive(Clone, Default)]
pub struct SecretHash([u8; 32]);

/// The value of a session's cookie: `<id>.<secret in 32 hex digits>`.
pub struct Credential {
    /// The session.
    pub id: SessionId,
    /// Proves that the client may have it.
    pub secret: Secret,
}

/// Separates this use of SHA-256 from every other.
const LABEL: &[u8] = b"session3 cookie secret 1\0";

/// Hex digits of a secret.
const DIGITS: usize = 32;

impl Credential {
    /// Maximum length of a value in bytes.
    pub const MAX: usize = SessionId::MAX + 1 + DIGITS;

    /// Generates a credential. Each call of `random` returns 16 bytes of a cryptographic generator.
    pub fn generate(random: &mut dyn FnMut() -> [u8; 16]) -> Self {
        Self { id: SessionId::generate(random()), secret: Secret(random()) }
    }

    /// Parses a cookie's value; none unless it is exactly a credential.
    pub fn parse(value: &str) -> Option<Self> {
        let (id, digits) = value.split_once('.')?;
        if digits.len() != DIGITS {
            return None;
        }
        let mut secret = [0; 16];
        base16ct::lower::decode(digits, &mut secret).ok()?;
        Some(Self { id: SessionId::parse(id).ok()?, secret: Secret(secret) })
    }

    /// The cookie's value. Handle it like a password.
    pub fn value(&self) -> String {
        let mut value = String::with_capacity(Self::MAX);
        value.push_str(self.id.as_str());
        value.push('.');
        value.push_str(&base16ct::lower::encode_string(&self.secret.0));
        value
    }

    /// The hash that the session stores.
    pub fn hash(&self) -> SecretHash {
        let hash = Sha256::new().chain_update(LABEL).chain_update(self.id.as_str()).chain_update(self.secret.0);
        SecretHash(hash.finalize().into())
    }
}

impl SecretHash {
    /// Whether two hashes are equal, in constant time.
    pub fn matches(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Serialize for SecretHash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for SecretHash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let hash = <&[u8]>::deserialize(deserializer)?;
        hash.try_into().map(Self).map_err(|_| D::Error::custom("invalid hash length"))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

impl fmt::Debug for SecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretHash(..)")
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credential").field("id", &self.id).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::string::ToString;

    use super::*;

    const ID: &str = "0123456789abcdef";
    const DIGITS_32: &str = "00112233445566778899aabbccddeeff";

    fn credential(id: &str, digits: &str) -> Credential {
        Credential::parse(&format!("{id}.{digits}")).expect("a valid value")
    }

    #[test]
    fn a_value_round_trips() {
        let mut byte = 0;
        let made = Credential::generate(&mut || {
            byte += 0x77;
            [byte; 16]
        });
        let read = Credential::parse(&made.value()).expect("its own value");
        assert_eq!(read.id, made.id);
        assert!(read.hash().matches(&made.hash()));
        assert_eq!(made.value(), format!("{}.{}", made.id, "ee".repeat(16)));
    }

    #[test]
    fn everything_else_is_rejected() {
        let longest = "a".repeat(SessionId::MAX);
        assert_eq!(format!("{longest}.{DIGITS_32}").len(), Credential::MAX);
        assert!(Credential::parse(&format!("{longest}.{DIGITS_32}")).is_some());
        for value in [
            "".to_string(),
            ".".to_string(),
            ID.to_string(),
            DIGITS_32.to_string(),
            format!("{ID}."),
            format!(".{DIGITS_32}"),
            format!("{ID}.{}", &DIGITS_32[1..]),
            format!("{ID}.{DIGITS_32}0"),
            format!("{ID}.{}", DIGITS_32.to_uppercase()),
            format!("{ID}.{DIGITS_32}.{DIGITS_32}"),
            format!("{ID}:{DIGITS_32}"),
            format!("{ID}.{}g", &DIGITS_32[1..]),
            format!("{ID}.{}\0", &DIGITS_32[1..]),
            format!("{ID}.{}\u{e9}", &DIGITS_32[2..]),
            format!("{}.{DIGITS_32}", ID.to_uppercase()),
            format!("../../etc/passwd.{DIGITS_32}"),
            format!("short.{DIGITS_32}"),
            format!("{longest}a.{DIGITS_32}"),
            format!(" {ID}.{DIGITS_32}"),
        ] {
            assert!(Credential::parse(&value).is_none(), "{value:?}");
        }
    }

    /// Session3 had ids of 64 bits (defect 11).
    #[test]
    fn every_one_of_the_128_bits_of_the_secret_counts() {
        let right = credential(ID, DIGITS_32);
        assert!(right.hash().matches(&credential(ID, DIGITS_32).hash()));
        for bit in 0..128 {
            let mut wrong = credential(ID, DIGITS_32);
            wrong.secret.0[bit / 8] ^= 1 << (bit % 8);
            assert!(!wrong.hash().matches(&right.hash()), "bit {bit}");
        }
    }

    #[test]
    fn a_secret_opens_only_the_session_it_was_made_for() {
        assert!(!credential(ID, DIGITS_32).hash().matches(&credential("fedcba9876543210", DIGITS_32).hash()));
    }

    #[test]
    fn debug_shows_no_secret() {
        let shown = format!("{:?} {:?}", credential(ID, DIGITS_32), credential(ID, DIGITS_32).secret);
        assert_eq!(shown, format!("Credential {{ id: {ID}, .. }} Secret(..)"));
        assert_eq!(format!("{:?}", credential(ID, DIGITS_32).hash()), "SecretHash(..)");
    }
}
