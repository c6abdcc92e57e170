//! Who sent a request, as far as the application knows.

use alloc::string::{String, ToString};

/// Maximum length of an address or `User-Agent` that is kept, in bytes.
pub const MAX_TEXT: usize = 256;

/// Who sent a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Client {
    /// The address.
    pub address: Option<String>,
    /// The value of the `User-Agent` field.
    pub user_agent: Option<String>,
}

impl Client {
    /// A client of which only the address is known.
    pub fn at(address: Option<&str>) -> Self {
        Self::new(address, None)
    }

    /// Creates a client; truncates each text to [`MAX_TEXT`] bytes.
    pub fn new(address: Option<&str>, user_agent: Option<&str>) -> Self {
        Self { address: address.map(truncate), user_agent: user_agent.map(truncate) }
    }
}

fn truncate(text: &str) -> String {
    text.get(..text.floor_char_boundary(MAX_TEXT)).unwrap_or_default().to_string()
}
