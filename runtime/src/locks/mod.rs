//! The host's side of `session3:sessions/advisory-locks`.
//!
//! - [`LockSpace`]: what instances share. Inside, a table of queues, and for several processes a lock file.
//! - [`LocksCtx`]: one instance as the owner of its locks.
//! - [`add_to_linker`]: the interface for a linker, through [`LocksView`].

mod ctx;
mod error;
mod host;
#[cfg_attr(not(all(target_os = "linux", target_pointer_width = "64")), path = "machine_unsupported.rs")]
mod machine;
mod name;
mod path;
mod space;
mod table;
#[cfg(test)]
mod tests;

/// Apart, so that a test can put others in their place.
mod sync {
    pub(super) use std::sync::{Mutex, MutexGuard};
    pub(super) use tokio::time::sleep_until;
}

pub use ctx::{Guard, Locks, LocksCtx, LocksCtxBuilder, LocksView};
pub use host::add_to_linker;
pub use space::LockSpace;
