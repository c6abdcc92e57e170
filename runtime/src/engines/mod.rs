//! `session-store` implemented by the host, on a server that keeps the sessions of several machines.
//!
//! A component that imports `session-store`, such as the manager, gets it from the host instead of another component.
//! Connections, credentials and the renewal of locks belong to the host, where they outlive instances.
//!
//! - [`SharedEngine`]: a server. [`memory`]: one in this process, to try out and for tests. With the feature `redis`,
//!   `redis`: Redis, Valkey and their clusters; with `postgres`, `postgres`: PostgreSQL.
//! - [`EngineCtx`]: the stores that one instance has open. Created by [`EngineCtxBuilder`].
//! - [`add_to_linker`]: adds the interface to a linker, through [`EnginesView`].
//!
//! # Locks
//!
//! A lock is a lease, kept with the session on the server and checked by every write. The host renews it while the guard
//! lives. When the host dies or loses its connection, the lease ends by itself, and writes of the former holder are
//! refused. Waiters of one process queue in its [`LockSpace`](crate::LockSpace), in order of arrival; between processes
//! there is no order, and deadlocks end by timeout.

mod convert;
mod ctx;
mod cursor;
mod dynamic;
mod guard;
mod host;
pub mod memory;
#[cfg(feature = "postgres")]
pub mod postgres;
#[cfg(feature = "redis")]
pub mod redis;
mod store;

pub use ctx::{EngineCtx, EngineCtxBuilder, Engines, EnginesView};
pub use cursor::Cursor;
pub use dynamic::SharedEngine;
pub use guard::Guard;
pub use host::add_to_linker;
pub use store::Store;
