//! The session cookie: finding it in a request, and the header fields that set and revoke it.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::Error;
use crate::credential::Credential;
use crate::error::Result;

/// A header field to send: name and value. Names are in lower case, as HTTP/2 requires and HTTP/1.1 allows.
pub type HeaderField = (String, String);

/// Browsers may drop a cookie whose name and value have more bytes (RFC 6265bis, section 5.6).
const MAX_COOKIE: usize = 4096;

/// Maximum length of a cookie name: it leaves room for the longest value.
pub const MAX_NAME: usize = MAX_COOKIE - Credential::MAX;

/// Maximum length of a domain name (RFC 1035, section 2.3.4).
const MAX_DOMAIN: usize = 253;

/// Maximum length of a cookie path: browsers ignore a longer attribute (RFC 6265bis, section 5.6).
pub const MAX_PATH: usize = 1024;

/// The header field that sends a client its bearer token.
pub const TOKEN_FIELD: &str = "session-token";

/// How a client presents its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// By a cookie.
    Cookie,
    /// By `Authorization: Bearer` (RFC 6750, section 2.1).
    Bearer,
}

/// Which cross-site requests carry the cookie (RFC 6265bis, section 5.6.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SameSite {
    /// None.
    Strict,
    /// Following a link.
    Lax,
    /// All.
    None,
}

/// How the cookie is set. Always HttpOnly; it lasts until the browser closes unless the session is remembered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Cookie or bearer token; for a bearer token the other fields are ignored.
    pub transport: Transport,
    /// A token of at most [`MAX_NAME`] characters.
    pub name: String,
    /// Only over https.
    pub secure: bool,
    /// Which cross-site requests carry the cookie.
    pub same_site: SameSite,
    /// Only for paths below this one.
    pub path: String,
    /// For all hosts of this domain; none: only for the host that set it.
    pub domain: Option<String>,
    /// Kept separately for each site that embeds this one.
    pub partitioned: bool,
    /// A logout tells the browser to clear the site's data.
    pub clear_site_data: bool,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            transport: Transport::Cookie,
            name: "__Host-session".to_string(),
            secure: true,
            same_site: SameSite::Lax,
            path: "/".to_string(),
            domain: None,
            partitioned: false,
            clear_site_data: false,
        }
    }
}

impl Policy {
    /// Refuses what a browser would reject or misread.
    pub fn check(&self) -> Result<()> {
        // Browsers compare these case-insensitively (RFC 6265bis, section 5.7).
        let has_prefix = |prefix: &str| self.name.get(..prefix.len()).is_some_and(|s| s.eq_ignore_ascii_case(prefix));
        let host = has_prefix("__Host-");
        let wrong = if self.name.is_empty() || self.name.len() > MAX_NAME || !self.name.bytes().all(is_token) {
            "a cookie name is a token (RFC 9110, section 5.6.2); name and value have at most 4096 bytes"
        } else if !self.path.starts_with('/')
            || self.path.len() > MAX_PATH
            || !self.path.bytes().all(|b| matches!(b, 0x21..=0x7e) && b != b';')
        {
            "a cookie path starts with / and has at most 1024 visible ASCII characters, none of them ;"
        } else if !self.secure && (host || has_prefix("__Secure-") || has_prefix("__Http-")) {
            "browsers reject a cookie named __Host-, __Secure- or __Http- that is not Secure; choose another name"
        } else if self.domain.as_deref().is_some_and(|domain| !is_domain(domain)) {
            "a cookie domain is a host name such as example.com"
        } else if host && self.domain.is_some() {
            "browsers reject a cookie named __Host- with a Domain; choose another name, or no domain"
        } else if host && self.path != "/" {
            "browsers reject a cookie named __Host- whose path is not /"
        } else if !self.secure && self.partitioned {
            "browsers reject a cookie with Partitioned that is not Secure"
        } else if !self.secure && self.same_site == SameSite::None {
            "browsers reject a cookie with SameSite=None that is not Secure"
        } else {
            return Ok(());
        };
        Err(Error::InvalidArgument(wrong.to_string()))
    }

    /// The credentials that a request presents, in its `Cookie` fields or in its `Authorization` fields.
    pub fn find(&self, fields: &[String]) -> Credentials {
        match self.transport {
            Transport::Cookie => Credentials::of(cookies(fields, &self.name)),
            Transport::Bearer => Credentials::of(find_bearer(fields).into_iter()),
        }
    }

    /// The fields that give the client its session: until the browser closes, or for `max_age` seconds.
    pub fn set(&self, credential: &Credential, max_age: Option<u64>) -> Vec<HeaderField> {
        match max_age {
            None => self.fields(&credential.value(), ""),
            Some(seconds) => self.fields(&credential.value(), &format!("; Max-Age={seconds}")),
        }
    }

    /// The fields that revoke it.
    pub fn revoke(&self) -> Vec<HeaderField> {
        self.fields("", "; Max-Age=0")
    }

    /// The fields that delete cookies which an earlier configuration may have set under the same name: with or without
    /// `Partitioned`, for the one host, for the whole site. Send them before those that set the cookie: a browser that
    /// does not support `Partitioned` keeps only one.
    pub fn sweep(&self) -> Vec<HeaderField> {
        if self.transport == Transport::Bearer {
            return Vec::new();
        }
        let host = Self { domain: None, ..self.clone() };
        let root = Self { path: "/".to_string(), ..self.clone() };
        let other = Self { partitioned: !self.partitioned, ..self.clone() };
        [host, root, other]
            .into_iter()
            .filter(|before| before != self && before.check().is_ok())
            .map(|before| ("set-cookie".to_string(), before.cookie("", "; Max-Age=0")))
            .collect()
    }

    /// The fields that keep the response of a session out of shared caches.
    pub fn keep_private(&self) -> [HeaderField; 2] {
        let vary = match self.transport {
            Transport::Cookie => "Cookie",
            Transport::Bearer => "Authorization",
        };
        [("cache-control", "no-store"), ("vary", vary)].map(|(name, value)| (name.to_string(), value.to_string()))
    }

    /// The field that makes the browser clear the site's data at a logout. Where the session continues without its
    /// user, its new cookie is kept (W3C Clear Site Data, section 3.1).
    pub fn forget(&self, with_cookies: bool) -> Option<HeaderField> {
        let what = if with_cookies { r#""cache", "cookies", "storage""# } else { r#""cache", "storage""# };
        self.clear_site_data.then(|| ("clear-site-data".to_string(), what.to_string()))
    }

    fn fields(&self, value: &str, age: &str) -> Vec<HeaderField> {
        let (name, value) = match self.transport {
            Transport::Cookie => ("set-cookie", self.cookie(value, age)),
            Transport::Bearer => (TOKEN_FIELD, value.to_string()),
        };
        let mut fields = Vec::from([(name.to_string(), value)]);
        fields.extend(self.keep_private());
        fields
    }

    fn cookie(&self, value: &str, age: &str) -> String {
        let mut cookie = format!("{}={value}; Path={}", self.name, self.path);
        if let Some(domain) = &self.domain {
            cookie.push_str("; Domain=");
            cookie.push_str(domain);
        }
        cookie.push_str(age);
        cookie.push_str(match self.same_site {
            SameSite::Strict => "; HttpOnly; SameSite=Strict",
            SameSite::Lax => "; HttpOnly; SameSite=Lax",
            SameSite::None => "; HttpOnly; SameSite=None",
        });
        if self.secure {
            cookie.push_str("; Secure");
        }
        if self.partitioned {
            cookie.push_str("; Partitioned");
        }
        cookie
    }
}

/// Returns the bearer token in the `Authorization` fields of a request; none when there are two different ones.
fn find_bearer(fields: &[String]) -> Option<&str> {
    let mut found = None;
    for field in fields {
        let Some((scheme, token)) = field.trim_matches(OWS).split_once(' ') else {
            continue;
        };
        if !scheme.eq_ignore_ascii_case("bearer") {
            continue;
        }
        let token = token.trim_matches(OWS);
        if found.is_some_and(|other| other != token) {
            return None;
        }
        found = Some(token);
    }
    found
}

/// The values of the cookies of this name in the `Cookie` fields of a request.
///
/// Parsed strictly by RFC 6265: fields end at `;` even inside quotes, only space and tab are trimmed (trimming more of
/// Unicode lets a forged name pass as ours), names are exact.
pub fn cookies<'a>(fields: &'a [String], name: &str) -> impl Iterator<Item = &'a str> {
    let pairs = fields.iter().flat_map(|field| field.split(';'));
    pairs.filter_map(move |pair| {
        let (_, value) = pair.trim_matches(OWS).split_once('=').filter(|(its_name, _)| *its_name == name)?;
        Some(value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value))
    })
}

/// The credentials that a request presents.
///
/// A browser sends several cookies of one name when they were set with another path or domain, or by another
/// application on the host; nothing in the request tells them apart (RFC 6265, section 5.4).
#[derive(Debug, Default)]
pub struct Credentials {
    /// The first few well-formed values, without duplicates.
    pub candidates: Vec<Credential>,
    /// There is more than one value of the name, well-formed or not.
    pub several: bool,
}

impl Credentials {
    /// Maximum number of candidates: each costs a load.
    pub const MAX: usize = 4;

    fn of<'a>(values: impl Iterator<Item = &'a str>) -> Self {
        let mut found = Self::default();
        let mut seen: Vec<&str> = Vec::new();
        let mut first = None;
        for value in values {
            found.several |= *first.get_or_insert(value) != value;
            if found.candidates.len() == Self::MAX || seen.contains(&value) {
                continue;
            }
            if let Some(credential) = Credential::parse(value) {
                seen.push(value);
                found.candidates.push(credential);
            }
        }
        found
    }
}

/// Optional whitespace (RFC 9110, section 5.6.3).
const OWS: [char; 2] = [' ', '\t'];

fn is_domain(domain: &str) -> bool {
    let is_label =
        |label: &str| (1..=63).contains(&label.len()) && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    domain.len() <= MAX_DOMAIN && domain.split('.').all(is_label)
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}
