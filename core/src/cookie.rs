//! The session's cookie: finding it in a request, and the header fields that set and revoke it.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::Error;
use crate::credential::Credential;
use crate::error::Result;

/// A header field to send: name and value. Names are in lower case, as HTTP/2 requires and HTTP/1.1 allows.
pub type HeaderField = (String, String);

/// Longest name of a cookie.
pub const MAX_NAME: usize = 64;

/// Longest path of a cookie: browsers ignore an attribute that is longer (RFC 6265bis, section 5.6).
pub const MAX_PATH: usize = 1024;

/// A browser need not keep a cookie whose name and value have more bytes (RFC 6265bis, section 5.6).
const _: () = assert!(MAX_NAME + Credential::MAX <= 4096);

/// When a browser sends the cookie with requests that other sites cause (RFC 6265bis, section 5.6.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SameSite {
    /// Never.
    Strict,
    /// When the user follows a link.
    Lax,
    /// Always.
    None,
}

/// How the cookie is set. It is HttpOnly whatever else, has no Domain, and is gone when the browser closes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// A token of 1 to 64 characters.
    pub name: String,
    /// Only over https.
    pub secure: bool,
    /// With requests from elsewhere.
    pub same_site: SameSite,
    /// Only for paths below this one.
    pub path: String,
}

impl Default for Policy {
    fn default() -> Self {
        Self { name: "__Host-session".to_string(), secure: true, same_site: SameSite::Lax, path: "/".to_string() }
    }
}

impl Policy {
    /// Refuse what a browser would reject or misread.
    pub fn check(&self) -> Result<()> {
        // Browsers compare these without regard to case (RFC 6265bis, section 5.7).
        let has_prefix = |prefix: &str| self.name.get(..prefix.len()).is_some_and(|s| s.eq_ignore_ascii_case(prefix));
        let host = has_prefix("__Host-");
        let wrong = if self.name.is_empty() || self.name.len() > MAX_NAME || !self.name.bytes().all(is_token) {
            "a cookie name is a token of 1 to 64 characters (RFC 9110, section 5.6.2)"
        } else if !self.path.starts_with('/')
            || self.path.len() > MAX_PATH
            || !self.path.bytes().all(|b| matches!(b, 0x21..=0x7e) && b != b';')
        {
            "a cookie path starts with / and has at most 1024 visible ASCII characters, none of them ;"
        } else if !self.secure && (host || has_prefix("__Secure-") || has_prefix("__Http-")) {
            "browsers reject a cookie named __Host-, __Secure- or __Http- that is not Secure; choose another name"
        } else if host && self.path != "/" {
            "browsers reject a cookie named __Host- whose path is not /"
        } else if !self.secure && self.same_site == SameSite::None {
            "browsers reject a cookie with SameSite=None that is not Secure"
        } else {
            return Ok(());
        };
        Err(Error::InvalidArgument(wrong.to_string()))
    }

    /// The fields that give the client its cookie.
    pub fn set(&self, credential: &Credential) -> Vec<HeaderField> {
        self.fields(&credential.value(), "")
    }

    /// The fields that take it away.
    pub fn revoke(&self) -> Vec<HeaderField> {
        self.fields("", "; Max-Age=0")
    }

    /// A response that sets the cookie must not come out of a cache for someone else.
    fn fields(&self, value: &str, age: &str) -> Vec<HeaderField> {
        let same_site = match self.same_site {
            SameSite::Strict => "Strict",
            SameSite::Lax => "Lax",
            SameSite::None => "None",
        };
        let secure = if self.secure { "; Secure" } else { "" };
        let cookie = format!("{}={value}; Path={}{age}; HttpOnly; SameSite={same_site}{secure}", self.name, self.path);
        [("set-cookie", cookie.as_str()), ("cache-control", "no-store"), ("vary", "Cookie")]
            .map(|(name, value)| (name.to_string(), value.to_string()))
            .into()
    }
}

/// Find a cookie's value in the `Cookie` fields of a request.
///
/// None as well when two have its name and different values: a neighbouring host or a plain-http page has tossed one
/// in, and nothing says which. The rest is read as RFC 6265 has it, and no more: fields end at `;` even inside quotes,
/// only space and tab are trimmed (whoever trims more of Unicode lets a forged name pass as ours), names are exact.
pub fn find<'a>(fields: &'a [String], name: &str) -> Option<&'a str> {
    let mut found = None;
    for pair in fields.iter().flat_map(|field| field.split(';')) {
        let Some((its_name, value)) = pair.trim_matches(OWS).split_once('=') else {
            continue;
        };
        if its_name != name {
            continue;
        }
        let value = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value);
        if found.is_some_and(|other| other != value) {
            return None;
        }
        found = Some(value);
    }
    found
}

/// Optional white space (RFC 9110, section 5.6.3).
const OWS: [char; 2] = [' ', '\t'];

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}
