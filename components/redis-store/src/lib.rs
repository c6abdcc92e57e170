//! Sessions on a Redis or Valkey server, over `wasi:sockets`, with the session manager on top: it takes the place of the
//! file-backed component on hosts that cannot be extended.
//!
//! The instance is told where the server is by its environment:
//!
//! | variable | |
//! |---|---|
//! | `SESSION3_STORE` | `redis://[[USER]:PASSWORD@]HOST[:PORT][/DATABASE][?prefix=NAME]` |
//! | `SESSION3_STORE_PASSWORD` | the password, instead of the URL's |
//!
//! `session-redis` has the keys and the scripts, `engine-store` the locks: leases of 30 seconds, `blocking-redis` the
//! connection of each instance, made when it is first used. It is to a single server, as a cluster needs one for each
//! master, and without TLS.
//!
//! | module | contents |
//! |---|---|
//! | `connection` | a connection: the login, and bytes with a time-out |
//! | `network` | `wasi:sockets` |

#![cfg(target_family = "wasm")]
#![no_std]

extern crate alloc;

use guest_platform as _;

mod connection;
mod network;

mod bindings {
    wit_bindgen::generate!({ path: "../../wit", world: "redis", generate_all });

    type Exports =
        guest_exports::Exports<engine_store::EngineStore<blocking_redis::OnRedis<crate::connection::Connection>>>;
    export!(Exports with_types_in guest_exports::bindings);
}
