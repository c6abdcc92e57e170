//! URLs of servers.

use redis::{ConnectionInfo, IntoConnectionInfo};
use std::error::Error;
use std::fmt;

/// Why a URL names no server. The text never contains the URL, which may contain a password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidUrl(String);

impl fmt::Display for InvalidUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for InvalidUrl {}

pub(super) struct Parsed {
    pub(super) nodes: Vec<ConnectionInfo>,
    pub(super) is_cluster: bool,
    pub(super) prefix: Option<String>,
}

pub(super) fn parse(url: &str) -> Result<Parsed, InvalidUrl> {
    let (scheme, rest) = url.split_once("://").ok_or_else(|| invalid("a URL starts with redis:// or rediss://"))?;
    let (scheme, is_cluster) = match scheme {
        "redis" | "rediss" => (scheme, false),
        "redis-cluster" => ("redis", true),
        "rediss-cluster" => ("rediss", true),
        _ => return Err(invalid("the scheme is redis, rediss, redis-cluster or rediss-cluster")),
    };
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (authority, database) = rest.split_once('/').unwrap_or((rest, ""));
    let (user, hosts) = match authority.rsplit_once('@') {
        Some((user, hosts)) => (format!("{user}@"), hosts),
        None => (String::new(), authority),
    };
    if is_cluster && !database.is_empty() {
        return Err(invalid("a cluster has no databases"));
    }
    if !is_cluster && hosts.contains(',') {
        return Err(invalid("several hosts are a cluster: use redis-cluster://"));
    }
    let node = |host: &str| {
        let node = format!("{scheme}://{user}{host}/{database}").into_connection_info();
        match node {
            Ok(node) if !host.is_empty() && !host.starts_with(':') => Ok(node),
            _ => Err(invalid("use redis://[[USER]:PASSWORD@]HOST[:PORT][/DATABASE], with reserved characters encoded")),
        }
    };
    let nodes = hosts.split(',').map(node).collect::<Result<_, _>>()?;
    Ok(Parsed { nodes, is_cluster, prefix: prefix(query)? })
}

/// Host and port of a node, as a URL has them.
pub(super) fn address(node: &ConnectionInfo) -> String {
    let address = node.addr().to_string();
    match address.rsplit_once(':') {
        Some((host, port)) if host.contains(':') => format!("[{host}]:{port}"),
        _ => address,
    }
}

fn prefix(query: &str) -> Result<Option<String>, InvalidUrl> {
    if query.is_empty() {
        return Ok(None);
    }
    let prefix = query.strip_prefix("prefix=").ok_or_else(|| invalid("the only option of the URL is ?prefix=NAME"))?;
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b':' | b'/');
    if prefix.is_empty() || !prefix.bytes().all(is_plain) {
        return Err(invalid("a prefix has the characters A-Z a-z 0-9 - _ . : /"));
    }
    Ok(Some(prefix.into()))
}

fn invalid(text: &str) -> InvalidUrl {
    InvalidUrl(text.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls() {
        for (url, nodes, is_cluster, prefix) in [
            ("redis://localhost", &["localhost:6379"][..], false, None),
            ("redis://:secret@localhost:7000/3", &["localhost:7000"], false, None),
            ("rediss://ann:p%40ss@db.example/?prefix=shop", &["db.example:6379"], false, Some("shop")),
            ("redis://[::1]:7000", &["[::1]:7000"], false, None),
            ("redis-cluster://a:1,b:2,c", &["a:1", "b:2", "c:6379"], true, None),
            ("rediss-cluster://u:p@a:1?prefix=x:y", &["a:1"], true, Some("x:y")),
        ] {
            let parsed = parse(url).unwrap();
            let found: Vec<_> = parsed.nodes.iter().map(address).collect();
            let expected: Vec<_> = nodes.iter().map(ToString::to_string).collect();
            assert_eq!((found, parsed.is_cluster, parsed.prefix.as_deref()), (expected, is_cluster, prefix), "{url}");
        }
        let settings = parse("redis://ann:p%40ss@a/2").unwrap().nodes[0].redis_settings().clone();
        assert_eq!((settings.username(), settings.password(), settings.db()), (Some("ann"), Some("p@ss"), 2));
    }

    #[test]
    fn an_error_does_not_show_the_password() {
        for url in [
            "",
            "localhost",
            "http://:secret@a",
            "redis://",
            "redis://:secret@",
            "redis://:secret@:7000",
            "redis://:secret@a:port",
            "redis://:secret@a/database",
            "redis://:secret@a,b",
            "redis-cluster://:secret@a,,b",
            "redis-cluster://:secret@a/1",
            "redis://:secret@a?timeout=1",
            "redis://:secret@a?prefix=",
            "redis://:secret@a?prefix=a{b",
        ] {
            let Err(error) = parse(url) else { panic!("{url} is accepted") };
            assert!(!format!("{error} {error:?}").contains("secret"), "{error:?}");
        }
    }
}
