//! Opening a store: what the server must be able to do, and the key that marks a store.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;

use session_core::engine::Engine;
use session_core::error::{Error, Result};
use session_core::store::Milliseconds;

use crate::keys::{Keys, SHARDS};
use crate::request::{Acknowledge, Safety, Server, malformed};
use crate::sessions::RedisSessions;
use crate::transport::{Command, Reply, Transport};

/// The start of the marker, before the number of shards and the store's identity.
const FORMAT: &str = "session3 1";

/// The stores on a server or cluster, below a prefix.
pub struct Redis<T> {
    server: Server<T>,
    prefix: String,
}

impl<T: Transport> Redis<T> {
    /// Stores whose keys start with `prefix`. A request that fails for a passing reason is repeated for `patience`.
    pub fn new(transport: Arc<T>, prefix: &str, patience: Milliseconds) -> Self {
        Self { server: Server::new(transport, patience), prefix: prefix.into() }
    }

    /// The identity of the store, if there is one.
    async fn marker(&self, keys: &Keys) -> Result<Option<String>> {
        let key = keys.marker();
        let Some(marker) = self.server.read(Command::on("GET", &key, [])).await?.bytes() else { return Ok(None) };
        let text = String::from_utf8_lossy(&marker);
        let fields: Option<[&str; 4]> = text.split(' ').collect::<alloc::vec::Vec<_>>().try_into().ok();
        match fields {
            Some(["session3", "1", shards, id]) if shards == SHARDS.to_string() => Ok(Some(id.into())),
            Some(["session3", ..]) => Err(Error::NoSuchStore(format!(
                "the store at the key {key} has another format; use the version of session3 that made it, or a newer one"
            ))),
            _ => Err(Error::NoSuchStore(format!("the key {key} is not session3's: give another prefix or location"))),
        }
    }

    /// Sets up a store unless there is one. Returns whether this call did, and its identity.
    async fn mark(&self, server: &Server<T>, keys: &Keys) -> Result<(bool, String)> {
        let id = format!("{:032x}", server.random());
        let marker = format!("{FORMAT} {SHARDS} {id}");
        let command = Command::on("SET", &keys.marker(), [marker.as_bytes(), b"NX"]);
        server.write(command, Acknowledge::Replica).await?;
        // Read back: a repeated `SET` does not tell whose the marker is.
        match self.marker(keys).await? {
            Some(marked) => Ok((marked == id, marked)),
            None => Err(Error::Io("the server has lost the key that marks the store".into())),
        }
    }

    /// Refuses a server that would drop sessions or, with `durable`, could lose a save in a power cut. Returns it with
    /// the confirmations that it can give.
    async fn check(&self, durable: bool) -> Result<Server<T>> {
        let reply = self.server.read(Command::new(["INFO"])).await?;
        let info = reply.bytes().ok_or_else(|| malformed("INFO"))?;
        let info = String::from_utf8_lossy(&info);
        if let Some(policy) = field(&info, "maxmemory_policy")
            && policy.starts_with("allkeys-")
        {
            return Err(Error::AccessDenied(format!(
                "the server's maxmemory-policy {policy} drops sessions when its memory is full; set it to noeviction"
            )));
        }
        let has_replica = (field(&info, "cluster_enabled") != Some("1")).then(|| has_replica(&info));
        let confirms_disk = confirms_disk(&info);
        if durable {
            self.check_durable(&info, confirms_disk).await?;
        }
        Ok(self.server.with(Safety { has_replica, confirms_disk }))
    }

    async fn check_durable(&self, info: &str, confirms_disk: bool) -> Result<()> {
        let lacks = |what: &str| {
            Err(Error::AccessDenied(format!(
                "the server {what}, so it cannot keep durable saves through a power cut; change that, or use relaxed \
                 durability"
            )))
        };
        if field(info, "aof_enabled") != Some("1") {
            return lacks("keeps no append-only file (appendonly yes)");
        }
        if confirms_disk {
            return Ok(());
        }
        let reply = self.server.read(Command::new(["CONFIG", "GET", "appendfsync"])).await?;
        match reply.list().as_deref() {
            Some([_, Reply::Bytes(policy)]) if policy == b"always" => Ok(()),
            _ => lacks("does not sync each write (appendfsync always) and is too old to tell when it has (7.2)"),
        }
    }
}

impl<T: Transport> Engine for Redis<T> {
    type Sessions = RedisSessions<T>;

    async fn open(&self, location: &str, create: bool, durable: bool) -> Result<Self::Sessions> {
        let keys = Keys::new(&self.prefix, location)?;
        let server = self.check(durable).await?;
        let id = match self.marker(&keys).await? {
            Some(id) => id,
            None if create => self.mark(&server, &keys).await?.1,
            None => {
                return Err(Error::NoSuchStore(format!(
                    "there is no session store at the key {}; set one up or open it with `create`",
                    keys.marker()
                )));
            }
        };
        Ok(RedisSessions::new(server, keys, id))
    }

    async fn setup(&self, location: &str, durable: bool) -> Result<Self::Sessions> {
        let keys = Keys::new(&self.prefix, location)?;
        let server = self.check(durable).await?;
        match self.mark(&server, &keys).await? {
            (true, id) => Ok(RedisSessions::new(server, keys, id)),
            (false, _) => Err(Error::AlreadyExists),
        }
    }
}

/// Whether `INFO` says that the server has a replica.
pub(crate) fn has_replica(info: &str) -> bool {
    field(info, "connected_slaves").is_some_and(|count| count != "0")
}

/// A field of `INFO`.
fn field<'a>(info: &'a str, name: &str) -> Option<&'a str> {
    info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
}

/// Whether the server has `WAITAOF`. Valkey reports the version of Redis that it is compatible with as well.
fn confirms_disk(info: &str) -> bool {
    let version = field(info, "valkey_version").or_else(|| field(info, "redis_version")).unwrap_or_default();
    let mut numbers = version.split('.').map(|number| number.parse().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)) >= (7_u32, 2_u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_that_confirm_the_disk() {
        for (info, confirms) in [
            ("redis_version:7.0.15\r\n", false),
            ("redis_version:7.2.0\r\n", true),
            ("redis_version:8.2.3\r\n", true),
            ("redis_version:7.2.4\r\nvalkey_version:9.1.2\r\n", true),
            ("redis_version:6.2.1\r\n", false),
            ("", false),
        ] {
            assert_eq!(confirms_disk(info), confirms, "{info}");
        }
    }
}
