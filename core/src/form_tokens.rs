//! Single-use form tokens.

use alloc::string::String;
use alloc::vec::Vec;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

/// Maximum number of tokens of a session; one more drops the oldest.
pub const MAX_TOKENS: usize = 32;

/// Separates this use of SHA-256 from every other.
const LABEL: &[u8] = b"session3 form token 1\0";

/// The stored part of a token: half of its SHA-256, so that a copy of the store cannot submit forms.
#[derive(Clone, Copy)]
pub struct TokenHash([u8; 16]);

/// The tokens of a session, oldest first.
#[derive(Clone, Default)]
pub struct FormTokens(Vec<[u8; 16]>);

/// The text of a new token: 32 hex digits of 16 random bytes.
pub fn text(random: [u8; 16]) -> String {
    base16ct::lower::encode_string(&random)
}

impl TokenHash {
    /// Hashes a new token.
    pub fn new(random: [u8; 16]) -> Self {
        let mut kept = [0; 16];
        for (kept, hashed) in kept.iter_mut().zip(Sha256::new().chain_update(LABEL).chain_update(random).finalize()) {
            *kept = hashed;
        }
        Self(kept)
    }

    /// Hashes the text of a token; none when it is malformed.
    pub fn parse(token: &str) -> Option<Self> {
        let mut random = [0; 16];
        // A shorter text would decode too, into part of the buffer.
        if token.len() != 2 * random.len() {
            return None;
        }
        base16ct::lower::decode(token, &mut random).ok()?;
        Some(Self::new(random))
    }
}

impl FormTokens {
    /// The number of tokens.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no tokens.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds a token; drops the oldest when full.
    pub fn add(&mut self, token: TokenHash) {
        if self.0.len() >= MAX_TOKENS {
            self.0.remove(0);
        }
        self.0.push(token.0);
    }

    /// Whether a token is present. Compares with all of them in constant time.
    pub fn has(&self, token: TokenHash) -> bool {
        self.0.iter().fold(Choice::from(0), |found, each| found | each.ct_eq(&token.0)).into()
    }

    /// Removes a token and returns whether it was present.
    pub fn remove(&mut self, token: TokenHash) -> bool {
        let before = self.0.len();
        self.0.retain(|each| !bool::from(each.ct_eq(&token.0)));
        self.0.len() < before
    }

    /// All tokens.
    pub fn iter(&self) -> impl Iterator<Item = TokenHash> {
        self.0.iter().copied().map(TokenHash)
    }
}

impl Serialize for FormTokens {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0.as_flattened())
    }
}

impl<'de> Deserialize<'de> for FormTokens {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (tokens, rest) = <&[u8]>::deserialize(deserializer)?.as_chunks();
        if !rest.is_empty() || tokens.len() > MAX_TOKENS {
            return Err(D::Error::custom("form tokens"));
        }
        Ok(Self(tokens.to_vec()))
    }
}
