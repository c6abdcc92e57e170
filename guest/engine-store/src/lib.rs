//! Sessions on a server as a [`Store`](session_core::store::Store) of a component, for any
//! [`Engine`](session_core::engine::Engine) whose requests block.
//!
//! A lock is a lease of [`LEASE`] milliseconds, which nothing renews: a component runs only while it is called. A holder
//! that takes longer writes nothing any more, as the server checks the lease with each write. An instance that is killed
//! leaves its locks until their leases end. Waiters try again and again, in no order, and a circle of instances that wait
//! for each other ends by timeout.
//!
//! | module | contents |
//! |---|---|
//! | `store` | the operations |
//! | `guard` | the operations on a locked session |
//! | `listing` | open listings |
//! | `held` | the sessions that this instance has locked |
//! | `wait` | blocking on futures, and waiting for locks |

#![cfg(target_family = "wasm")]
#![no_std]

extern crate alloc;

mod guard;
mod held;
mod listing;
mod store;
pub mod wait;

pub use guard::{EngineGuard, LEASE};
pub use listing::EngineCursor;
pub use store::{EngineStore, Server};
