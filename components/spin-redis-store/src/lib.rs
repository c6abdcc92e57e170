//! Sessions on a Redis or Valkey server in Spin, over `fermyon:spin/redis`, with the session manager on top: it takes the
//! place of the file-backed component where files do not persist.
//!
//! The instance is told where the server is by variables of its Spin component:
//!
//! | variable | |
//! |---|---|
//! | `session3_store` | `redis://[[USER]:PASSWORD@]HOST[:PORT][/DATABASE][?prefix=NAME]`, or `rediss://` for TLS |
//! | `session3_store_password` | the password, instead of the URL's; none if it is empty or undefined |
//!
//! `session-redis` has the keys and the scripts, `engine-store` the locks: leases of 30 seconds, `blocking-redis` the
//! connection of each instance, made when it is first used. It is to a single server, as Spin follows no redirection.
//!
//! | module | contents |
//! |---|---|
//! | `connection` | Spin's connection |
//! | `reply` | replies and errors, which Spin flattens |

#![cfg(target_family = "wasm")]
#![no_std]

extern crate alloc;

use guest_platform as _;

mod connection;
mod reply;

mod bindings {
    wit_bindgen::generate!({
        path: ["../../wit", "wit"],
        world: "session3:spin-redis-store/spin-redis-store",
        generate_all,
    });

    type Exports =
        guest_exports::Exports<engine_store::EngineStore<blocking_redis::OnRedis<crate::connection::Connection>>>;
    export!(Exports with_types_in guest_exports::bindings);
}
