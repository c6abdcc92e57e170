//! The URL of a single server.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

const FORM: &str =
    "use redis://[[USER]:PASSWORD@]HOST[:PORT][/DATABASE][?prefix=NAME], with reserved characters encoded";

/// `redis://[[USER]:PASSWORD@]HOST[:PORT][/DATABASE][?prefix=NAME]`, or `rediss://` for TLS. Reserved characters in user
/// and password are percent-encoded.
#[derive(Clone, PartialEq, Eq)]
pub struct Url {
    /// Whether the connection is encrypted.
    pub tls: bool,
    /// A name, or an address without brackets.
    pub host: String,
    /// By default 6379.
    pub port: u16,
    /// By default 0.
    pub database: u32,
    /// Who logs in; the server's default user if none.
    pub user: Option<String>,
    /// Without it nobody logs in.
    pub password: Option<String>,
    /// The start of all keys, by default `session3`.
    pub prefix: String,
}

/// Why a URL names no server. The text never contains the URL, which may contain a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidUrl(&'static str);

impl Url {
    /// Parses a URL.
    ///
    /// # Errors
    ///
    /// Fails on another scheme, also on `redis-cluster`, which is not a single server.
    pub fn parse(url: &str) -> Result<Self, InvalidUrl> {
        let (scheme, rest) = url.split_once("://").ok_or(InvalidUrl(FORM))?;
        let tls = match scheme {
            "redis" => false,
            "rediss" => true,
            "redis-cluster" | "rediss-cluster" => {
                return Err(InvalidUrl("a cluster needs a host that implements the store"));
            }
            _ => return Err(InvalidUrl(FORM)),
        };
        Self::parse_rest(tls, rest)
    }

    /// The URL for a client of Redis that parses it: with user and password, without the prefix.
    pub fn address(&self) -> String {
        let Self { tls, host, port, database, user, password, prefix: _ } = self;
        let scheme = if *tls { "rediss" } else { "redis" };
        let login = match (user, password) {
            (None, None) => String::new(),
            (Some(user), None) => format!("{}@", encoded(user)),
            (user, Some(password)) => {
                format!("{}:{}@", encoded(user.as_deref().unwrap_or_default()), encoded(password))
            }
        };
        let host = if host.contains(':') { format!("[{host}]") } else { host.clone() };
        format!("{scheme}://{login}{host}:{port}/{database}")
    }

    fn parse_rest(tls: bool, rest: &str) -> Result<Self, InvalidUrl> {
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, database) = rest.split_once('/').unwrap_or((rest, ""));
        let (user_info, address) = match authority.rsplit_once('@') {
            Some((user_info, address)) => (Some(user_info), address),
            None => (None, authority),
        };
        let (user, password) = user_info.map_or(Some((None, None)), login).ok_or(InvalidUrl(FORM))?;
        let (host, port) = host_and_port(address).ok_or(InvalidUrl(FORM))?;
        let database = if database.is_empty() { Some(0) } else { database.parse().ok() };
        Ok(Self {
            tls,
            host: host.into(),
            port,
            database: database.ok_or(InvalidUrl(FORM))?,
            user,
            password,
            prefix: prefix(query)?.into(),
        })
    }
}

fn login(text: &str) -> Option<(Option<String>, Option<String>)> {
    let (user, password) = match text.split_once(':') {
        Some((user, password)) => (user, Some(decoded(password)?)),
        None => (text, None),
    };
    Some((Some(decoded(user)?).filter(|user| !user.is_empty()), password))
}

fn host_and_port(address: &str) -> Option<(&str, u16)> {
    let (host, port) = match address.strip_prefix('[') {
        Some(address) => address.split_once(']')?,
        None => address.split_at(address.find(':').unwrap_or(address.len())),
    };
    let port = match port.strip_prefix(':') {
        Some(port) => port.parse().ok()?,
        None if port.is_empty() => 6379,
        None => return None,
    };
    let is_plain = host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte));
    (!host.is_empty() && is_plain).then_some((host, port))
}

fn prefix(query: &str) -> Result<&str, InvalidUrl> {
    if query.is_empty() {
        return Ok("session3");
    }
    let prefix = query.strip_prefix("prefix=").ok_or(InvalidUrl("the only option of the URL is ?prefix=NAME"))?;
    let is_plain = prefix.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:/".contains(&byte));
    if prefix.is_empty() || !is_plain {
        return Err(InvalidUrl("a prefix has the characters A-Z a-z 0-9 - _ . : /"));
    }
    Ok(prefix)
}

fn decoded(text: &str) -> Option<String> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        decoded.push(if byte == b'%' { digit(rest.next()?)? << 4 | digit(rest.next()?)? } else { byte });
    }
    String::from_utf8(decoded).ok()
}

fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => encoded.push(byte.into()),
            byte => encoded += &format!("%{byte:02X}"),
        }
    }
    encoded
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).map(|digit| digit as u8)
}

/// Without user and password.
impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Url").field("host", &self.host).field("port", &self.port).finish_non_exhaustive()
    }
}

impl fmt::Display for InvalidUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl core::error::Error for InvalidUrl {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls() {
        let plain = Url {
            tls: false,
            host: "localhost".into(),
            port: 6379,
            database: 0,
            user: None,
            password: None,
            prefix: "session3".into(),
        };
        let (ann, secret) = (Some(String::from("ann")), Some(String::from("p@:ss")));
        for (url, expected) in [
            ("redis://localhost", plain.clone()),
            ("redis://localhost/", plain.clone()),
            ("redis://localhost:7000/3", Url { port: 7000, database: 3, ..plain.clone() }),
            ("redis://:p%40:ss@localhost", Url { password: secret.clone(), ..plain.clone() }),
            ("redis://ann:p%40%3ass@localhost", Url { user: ann.clone(), password: secret, ..plain.clone() }),
            ("redis://ann@localhost", Url { user: ann, ..plain.clone() }),
            ("redis://[::1]:7000", Url { host: "::1".into(), port: 7000, ..plain.clone() }),
            ("redis://[::1]", Url { host: "::1".into(), ..plain.clone() }),
            ("rediss://localhost", Url { tls: true, ..plain.clone() }),
            ("redis://localhost?prefix=shop:a", Url { prefix: "shop:a".into(), ..plain }),
        ] {
            assert!(Url::parse(url) == Ok(expected), "{url}");
        }
    }

    #[test]
    fn addresses() {
        for (url, address) in [
            ("redis://localhost?prefix=shop", "redis://localhost:6379/0"),
            ("rediss://ann@[::1]:7000/3", "rediss://ann@[::1]:7000/3"),
            ("redis://:p%40%3Ass@localhost", "redis://:p%40%3Ass@localhost:6379/0"),
            ("redis://ann:%C3%A4%25@localhost", "redis://ann:%C3%A4%25@localhost:6379/0"),
        ] {
            assert_eq!(Url::parse(url).unwrap().address(), address, "{url}");
        }
    }

    #[test]
    fn an_error_does_not_show_the_password() {
        for (url, text) in [
            ("", "use redis://"),
            ("localhost", "use redis://"),
            ("http://:secret@a", "use redis://"),
            ("redis-cluster://:secret@a", "a cluster"),
            ("rediss-cluster://:secret@a", "a cluster"),
            ("redis://", "use redis://"),
            ("redis://:secret@", "use redis://"),
            ("redis://:secret@:7000", "use redis://"),
            ("redis://:secret@a:port", "use redis://"),
            ("redis://:secret@a:65536", "use redis://"),
            ("redis://:secret@a/database", "use redis://"),
            ("redis://:secret@a,b", "use redis://"),
            ("redis://:secret@[::1", "use redis://"),
            ("redis://:secret@[::1]7000", "use redis://"),
            ("redis://:secret%@a", "use redis://"),
            ("redis://:secret%4g@a", "use redis://"),
            ("redis://:secret%ff@a", "use redis://"),
            ("redis://:secret@a?timeout=1", "the only option"),
            ("redis://:secret@a?prefix=", "a prefix has"),
            ("redis://:secret@a?prefix=a{b", "a prefix has"),
        ] {
            let error = Url::parse(url).expect_err(url);
            let shown = format!("{error} {error:?}");
            assert!(shown.starts_with(text) && !shown.contains("secret"), "{url}: {shown}");
        }
    }

    #[test]
    fn a_url_is_shown_without_the_password() {
        let shown = format!("{:?}", Url::parse("redis://ann:secret@a").unwrap());
        assert!(shown.contains("\"a\"") && !shown.contains("ann") && !shown.contains("secret"), "{shown}");
    }
}
