//! Redis as the server of an [`EngineStore`](engine_store::EngineStore), for components that have one [`Connection`] whose
//! requests block.
//!
//! | module | contents |
//! |---|---|
//! | `connection` | what a component implements: its variables, and a connection |
//! | `server` | the server that they name, and the engine of an instance |
//! | `transport` | the connection as the transport of `session-redis` |

#![cfg(target_family = "wasm")]
#![no_std]

extern crate alloc;

mod connection;
mod server;
mod transport;

pub use connection::Connection;
pub use server::{Instance, OnRedis};
pub use transport::Blocking;
