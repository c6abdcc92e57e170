//! Attribute values and names.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::Error;
use crate::error::Result;

/// Maximum length of an attribute name or a user in bytes. The minimum is one.
pub const MAX_NAME: usize = 256;

/// The value of an attribute.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Value {
    /// Null; the attribute exists.
    Null,
    /// A boolean.
    Boolean(bool),
    /// An integer.
    Integer(i64),
    /// A number; NaN and the infinities are allowed.
    Number(f64),
    /// Text.
    Text(String),
    /// Bytes.
    Bytes(#[serde(with = "blob")] Vec<u8>),
    /// JSON text.
    Json(String),
}

/// Equal if stored alike: a NaN equals itself, and 0 is not -0.
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

/// Checks the name of an attribute or a user; the error names it as `what`.
pub fn check_name(what: &str, name: &str) -> Result<()> {
    if is_name(name) {
        return Ok(());
    }
    let mut reason = what.to_string();
    reason.push_str(" must be 1 to 256 bytes");
    Err(Error::InvalidArgument(reason))
}

/// Whether a name has 1 to [`MAX_NAME`] bytes.
pub fn is_name(name: &str) -> bool {
    (1..=MAX_NAME).contains(&name.len())
}

/// Serializes bytes as bytes: serde treats a vector as a sequence, element by element.
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
