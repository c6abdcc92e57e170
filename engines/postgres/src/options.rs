//! Where a server is, and how to use it.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use tokio_postgres::Config;
use tokio_postgres::config::Host;

/// Where the server is, and how to use it.
#[derive(Clone)]
pub struct Options {
    pub(crate) server: Config,
    pub(crate) uses_tls: bool,
    /// A name that needs no escapes.
    pub(crate) schema: String,
    pub(crate) patience: Duration,
    pub(crate) response_timeout: Duration,
}

/// Why a URL names no server. The text never contains the URL, which may contain a password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidUrl(String);

impl fmt::Display for InvalidUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for InvalidUrl {}

impl Options {
    /// The server at `postgres://[USER[:PASSWORD]@]HOST[:PORT]/DATABASE`. With several hosts, separated by commas, it is
    /// the one that is not a standby. `?schema=NAME` changes the schema of the tables, `session3`; with
    /// `?sslmode=verify-full` the connection uses TLS, with a certificate that the system's authorities have signed.
    ///
    /// By default a request that fails for a passing reason is repeated for 5 seconds, and a reply takes at most 2.
    ///
    /// # Errors
    ///
    /// Fails if the URL is another. The message does not contain its password.
    pub fn parse(url: &str) -> Result<Self, InvalidUrl> {
        let rest = url.strip_prefix("postgres://").or_else(|| url.strip_prefix("postgresql://"));
        let rest = rest.ok_or_else(|| invalid("a URL starts with postgres://"))?;
        let (address, query) = rest.split_once('?').unwrap_or((rest, ""));
        let usage =
            || invalid("use postgres://[USER[:PASSWORD]@]HOST[:PORT]/DATABASE, with reserved characters encoded");
        let server: Config = format!("postgres://{address}").parse().map_err(|_| usage())?;
        let are_named = server.get_hosts().iter().all(|host| matches!(host, Host::Tcp(name) if !name.is_empty()));
        if server.get_hosts().is_empty() || !are_named || server.get_dbname().is_none_or(str::is_empty) {
            return Err(usage());
        }
        let mut options = Self {
            server,
            uses_tls: false,
            schema: "session3".into(),
            patience: Duration::from_secs(5),
            response_timeout: Duration::from_secs(2),
        };
        for option in query.split('&').filter(|option| !option.is_empty()) {
            match option.split_once('=') {
                Some(("schema", name)) => options.schema = schema(name)?,
                Some(("sslmode", "disable")) => options.uses_tls = false,
                Some(("sslmode", "verify-full")) => options.uses_tls = true,
                _ => return Err(invalid("the options of the URL are schema=NAME and sslmode=disable or verify-full")),
            }
        }
        Ok(options)
    }

    /// The password, instead of the URL's.
    pub fn password(mut self, password: &str) -> Self {
        self.server.password(password);
        self
    }

    /// How long a request is repeated while the server cannot be reached, or a standby takes over.
    pub fn patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// How long a reply may take; then the connection is closed.
    pub fn response_timeout(self, response_timeout: Duration) -> Self {
        Self { response_timeout, ..self }
    }
}

/// The URL without user, password and options.
impl fmt::Display for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ports = self.server.get_ports();
        let hosts = self.server.get_hosts().iter().enumerate().map(|(number, host)| {
            let Host::Tcp(name) = host else { return String::new() };
            let name = if name.contains(':') { format!("[{name}]") } else { name.clone() };
            let port = ports.get(number).or(ports.first()).unwrap_or(&5432);
            format!("{name}:{port}")
        });
        let hosts: Vec<String> = hosts.collect();
        write!(f, "postgres://{}/{}", hosts.join(","), self.server.get_dbname().unwrap_or_default())
    }
}

/// Without the password.
impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Options({self})")
    }
}

fn schema(name: &str) -> Result<String, InvalidUrl> {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    // The server cuts longer names, and keeps `pg_` for itself.
    if name.is_empty() || name.len() > 63 || !name.bytes().all(is_plain) || name.starts_with("pg_") {
        return Err(invalid("a schema has 1 to 63 of the characters a-z 0-9 _, and does not start with pg_"));
    }
    Ok(name.into())
}

fn invalid(text: &str) -> InvalidUrl {
    InvalidUrl(text.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls() {
        for (url, shown, schema, uses_tls) in [
            ("postgres://localhost/shop", "postgres://localhost:5432/shop", "session3", false),
            ("postgresql://ann:p%40ss@db.example:6000/shop", "postgres://db.example:6000/shop", "session3", false),
            ("postgres://ann@[::1]:7000/a?schema=web", "postgres://[::1]:7000/a", "web", false),
            ("postgres://a:1,b:2/c?sslmode=verify-full&schema=x", "postgres://a:1,b:2/c", "x", true),
            ("postgres://a/b?sslmode=disable", "postgres://a:5432/b", "session3", false),
        ] {
            let options = Options::parse(url).unwrap();
            let found = (options.to_string(), options.schema.as_str(), options.uses_tls);
            assert_eq!(found, (shown.into(), schema, uses_tls), "{url}");
        }
        let server = Options::parse("postgres://ann:p%40ss@a/b").unwrap().server;
        assert_eq!((server.get_user(), server.get_password()), (Some("ann"), Some(&b"p@ss"[..])));
    }

    #[test]
    fn an_error_does_not_show_the_password() {
        for url in [
            "",
            "localhost",
            "http://ann:secret@a/b",
            "postgres://",
            "postgres://ann:secret@",
            "postgres://ann:secret@a",
            "postgres://ann:secret@a/",
            "postgres://ann:secret@/b",
            "postgres://ann:secret@:7000/b",
            "postgres://ann:secret@a:port/b",
            "postgres://ann:secret@%2Ftmp/b",
            "postgres://ann:secret@a/b?sslmode=require",
            "postgres://ann:secret@a/b?schema=",
            "postgres://ann:secret@a/b?schema=a\"b",
            "postgres://ann:secret@a/b?schema=pg_temp",
            "postgres://ann:secret@a/b?timeout=1",
        ] {
            let Err(error) = Options::parse(url) else { panic!("{url} is accepted") };
            assert!(!format!("{error} {error:?}").contains("secret"), "{error:?}");
        }
    }
}
