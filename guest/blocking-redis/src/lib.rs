//! Redis as the server of an [`EngineStore`](engine_store::EngineStore), for components that have one [`Connection`] whose
//! requests block.
//!
//! | module | contents |
//! |---|---|
//! | `connection` | what a component implements: where the server is, and a connection to it |
//! | `instance` | the engine of an instance |
//! | `transport` | the connection as the transport of `session-redis` |

#![cfg(target_family = "wasm")]
#![no_std]

extern crate alloc;

mod connection;
mod instance;
mod transport;

pub use connection::Connection;
pub use instance::Instance;
pub use transport::Blocking;
