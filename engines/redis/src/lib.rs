//! Sessions on Redis and Valkey, without I/O: which keys there are, what is sent and what the replies mean.
//!
//! [`Redis`] implements [`session_core::engine`] over any [`Transport`]: a pool of connections in a host, one socket in a
//! component. It needs scripts (`EVALSHA`) and nothing newer than Redis 6.2, on a single server or a cluster.
//!
//! # Keys
//!
//! A store has [`SHARDS`](keys::SHARDS) shards, each in one slot of a cluster. `LOC` is the prefix and the location,
//! `TAG` the shard's hash tag.
//!
//! | key | type | contents |
//! |---|---|---|
//! | `LOC:store` | string | marks the store: format and identity |
//! | `LOC:{TAG}s:ID` | hash | a session: `h` head, `d` data, `l` lock, `p` the rename that brings it here |
//! | `LOC:{TAG}i` | sorted set | the ids of the shard's sessions |
//! | `LOC:{TAG}o` | sorted set | their owners: length and name of the owner, time of creation, id |
//! | `LOC:{TAG}f:TOKEN` | string | the fate of a rename: `moved` or `aborted` |
//! | `LOC:{TAG}q:ID:TOKEN` | hash | a session that could not be read, for inspection |
//!
//! Each change of a session is one script, which changes the indexes of its shard as well: they are never out of step,
//! not even after a fail-over to a replica that lags. An index in the owner's slot would lose that.
//!
//! # Locks
//!
//! A lock is a field of the session with the tokens of its holders and the ends of their leases, by the server's clock.
//! Scripts that write compare the token: a holder whose lease has ended writes nothing, however late it wakes up.
//!
//! # Renames
//!
//! The old and the new id may be in different slots, which no script can change at once. So (1) the record is stored
//! under the new id, marked as pending; (2) one script at the old id deletes it there and sets the fate key to `moved`:
//! this is the rename; (3) the mark and the fate key are removed. Whoever finds a pending record reads the fate key: with
//! `moved` the session is there, otherwise not yet. Whoever cannot wait sets it to `aborted`, and step 2 fails.
//!
//! # Repeated requests
//!
//! When a connection breaks, the request may have been executed. Each write carries a random id that is stored in the
//! head, so that a repeated request recognizes itself.

//!
//! # Modules
//!
//! | module | contents |
//! |---|---|
//! | `open` | opening a store: what the server must be able to do, and the marker |
//! | `sessions` | the operations on one session |
//! | `rename` | renames, and settling those of others |
//! | `listing`, `garbage` | listings and estimates; collection |
//! | [`head`] | the text of a session that scripts change |
//! | [`keys`] | the names of keys |
//! | [`script`] | the scripts, `src/scripts/*.lua` |
//! | `request` | requests, when they are sent again, and their errors |
//! | [`transport`] | what a connection does |
//! | [`resp`], [`url`] | the wire format and the URL, for transports that have only a socket |

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod garbage;
pub mod head;
pub mod keys;
mod listing;
mod open;
mod rename;
mod request;
pub mod resp;
pub mod script;
mod sessions;
pub mod transport;
pub mod url;

pub use open::Redis;
pub use sessions::RedisSessions;
pub use transport::{Command, Failure, Reply, Transport};
