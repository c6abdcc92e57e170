//! The data of a managed session, and its codec.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;
use core::fmt;

use serde::{Deserialize, Serialize};

use crate::Error;
use crate::credential::SecretHash;
use crate::error::Result;
use crate::form_tokens::FormTokens;
use crate::map::Map;

/// Longest name of an attribute, and longest user, in bytes. The shortest has one.
pub const MAX_NAME: usize = 256;

/// The first byte of a session's data. Another format gets another byte.
const FORMAT: u8 = 1;

/// The value of an attribute.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Value {
    /// Nothing, but there.
    Null,
    /// Yes or no.
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// Any number, NaN and the infinities too.
    Number(f64),
    /// Text.
    Text(String),
    /// Anything.
    Bytes(#[serde(with = "blob")] Vec<u8>),
    /// JSON text.
    Json(String),
}

/// Equal is what is stored alike: a NaN equals itself, and 0 is not -0.
impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Null, Self::Null) => true,
            (Self::Boolean(a), Self::Boolean(b)) => a == b,
            (Self::Integer(a), Self::Integer(b)) => a == b,
            (Self::Number(a), Self::Number(b)) => a.to_bits() == b.to_bits(),
            (Self::Text(a), Self::Text(b)) | (Self::Json(a), Self::Json(b)) => a == b,
            (Self::Bytes(a), Self::Bytes(b)) => a == b,
            _ => false,
        }
    }
}

impl Eq for Value {}

/// All that a session is, beside its id and times.
#[derive(Clone, Default, Serialize, Deserialize)]
pub struct State {
    /// Of the secret in its cookie.
    pub secret: SecretHash,
    /// Who is logged in.
    pub user: Option<String>,
    /// The client's address when it was created.
    pub remote_address: Option<String>,
    /// What the application keeps.
    pub attributes: Map<Value>,
    /// For forms on their way.
    pub tokens: FormTokens,
}

impl State {
    /// Whether there is something to keep.
    pub fn has_info(&self) -> bool {
        self.user.is_some() || !self.attributes.is_empty() || !self.tokens.is_empty()
    }

    /// The data to store.
    pub fn encode(&self) -> Result<Vec<u8>> {
        postcard::to_extend(self, vec![FORMAT]).map_err(|error| Error::Other(format!("cannot encode: {error}")))
    }

    /// Read data that was stored. The lengths in it are not believed before the bytes are there.
    pub fn decode(data: &[u8]) -> Result<Self> {
        let corrupt = |what: &str| Err(Error::Corrupt(format!("not the data of a managed session: {what}")));
        let Some((&format, data)) = data.split_first() else {
            return corrupt("it is empty");
        };
        if format != FORMAT {
            return Err(Error::Corrupt(format!(
                "data of a managed session in format {format}; this manager reads format {FORMAT}"
            )));
        }
        match postcard::take_from_bytes::<Self>(data) {
            Ok((_, [_, ..])) => corrupt("bytes are left over"),
            Ok((state, [])) if state.is_within_limits() => Ok(state),
            Ok(_) => corrupt("a name is empty or too long"),
            Err(_) => corrupt("it is cut or damaged"),
        }
    }

    fn is_within_limits(&self) -> bool {
        let mut names = self.attributes.iter().map(|(name, _)| name);
        self.user.as_deref().is_none_or(is_name) && names.all(is_name)
    }
}

/// Without the attributes: their values may be secrets.
impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State")
            .field("user", &self.user)
            .field("attributes", &self.attributes.len())
            .field("tokens", &self.tokens.len())
            .finish_non_exhaustive()
    }
}

/// Check the name of an attribute or a user; `what` it is goes into the error.
pub fn check_name(what: &str, name: &str) -> Result<()> {
    if is_name(name) {
        return Ok(());
    }
    let mut reason = what.to_string();
    reason.push_str(" has 1 to 256 bytes");
    Err(Error::InvalidArgument(reason))
}

fn is_name(name: &str) -> bool {
    (1..=MAX_NAME).contains(&name.len())
}

/// Bytes as bytes: serde takes a vector for a list of numbers and goes one by one.
mod blob {
    use alloc::vec::Vec;

    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(bytes)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        <&[u8]>::deserialize(deserializer).map(<[u8]>::to_vec)
    }
}
