//! Sessions on Redis, Valkey and their clusters.
//!
//! `session_redis` has the keys, the scripts and the guarantees; this module connects to the server. Only masters are
//! asked, as a replica may lag.
//!
//! | URL | |
//! |---|---|
//! | `redis://[[USER]:PASSWORD@]HOST[:PORT][/DATABASE]` | one server |
//! | `rediss://...` | the same over TLS |
//! | `redis-cluster://[...@]HOST[:PORT],HOST[:PORT],...` | a cluster: some of its nodes |
//! | `rediss-cluster://...` | the same over TLS |
//!
//! `?prefix=NAME` changes the start of all keys, `session3`. Reserved characters in user and password are
//! percent-encoded.

mod cluster;
mod group;
mod node;
mod reply;
mod transport;
mod url;

use self::transport::Connection;
pub use self::url::InvalidUrl;
use super::dynamic::SharedEngine;
use redis::ConnectionAddr;
use session_redis::{Redis, Transport};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Where the server is, and how to use it.
#[derive(Clone)]
pub struct RedisBuilder {
    nodes: Vec<redis::ConnectionInfo>,
    is_cluster: bool,
    prefix: String,
    patience: Duration,
    response_timeout: Duration,
}

impl RedisBuilder {
    /// The server at this URL. By default the keys start with `session3`, a request that fails for a passing reason is
    /// repeated for 5 seconds, and a reply takes at most 2.
    ///
    /// # Errors
    ///
    /// Fails if the URL is none of those above. The message does not contain its password.
    pub fn new(url: &str) -> Result<Self, InvalidUrl> {
        let url::Parsed { nodes, is_cluster, prefix } = url::parse(url)?;
        Ok(Self {
            nodes,
            is_cluster,
            prefix: prefix.unwrap_or_else(|| "session3".into()),
            patience: Duration::from_secs(5),
            response_timeout: Duration::from_secs(2),
        })
    }

    /// The password, instead of the URL's.
    pub fn password(mut self, password: &str) -> Self {
        for node in &mut self.nodes {
            let settings = node.redis_settings().clone().set_password(password);
            *node = node.clone().set_redis_settings(settings);
        }
        self
    }

    /// How long a request is repeated while the server cannot be reached, or a replica takes over.
    pub fn patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// How long a reply may take; then the connection is closed. A new one takes at most a quarter of that.
    pub fn response_timeout(self, response_timeout: Duration) -> Self {
        Self { response_timeout, ..self }
    }

    /// The engine. It connects when it is first used.
    pub fn build(self) -> SharedEngine {
        let patience = self.patience.as_millis() as u64;
        SharedEngine::new(Redis::new(Arc::new(self.transport()), &self.prefix, patience))
    }

    /// The connections alone, for a [`Redis`] of one's own. They are made when they are first used.
    pub fn transport(&self) -> impl Transport + use<> {
        Connection::new(self.nodes.clone(), self.is_cluster, self.response_timeout)
    }
}

/// The URL without user, password, database and options.
impl fmt::Display for RedisBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nodes: Vec<String> = self.nodes.iter().map(url::address).collect();
        let tls =
            if self.nodes.iter().any(|node| matches!(node.addr(), ConnectionAddr::TcpTls { .. })) { "s" } else { "" };
        let cluster = if self.is_cluster { "-cluster" } else { "" };
        write!(f, "redis{tls}{cluster}://{}", nodes.join(","))
    }
}

/// Without the password.
impl fmt::Debug for RedisBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RedisBuilder({self})")
    }
}
