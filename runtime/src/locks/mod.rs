//! The host's side of `session3:sessions/advisory-locks`.
//!
//! - [`LockSpace`]: the locks that instances share: a table of queues, and between processes a lock file.
//! - [`LocksCtx`]: the locks of one instance.
//! - [`add_to_linker`]: adds the interface to a linker, through [`LocksView`].

mod ctx;
mod error;
mod host;
#[cfg_attr(not(all(target_os = "linux", target_pointer_width = "64")), path = "lock_file_unsupported.rs")]
mod lock_file;
mod lock_path;
mod name;
mod space;
mod table;
#[cfg(test)]
mod tests;

/// A module, so that tests can substitute others.
mod sync {
    pub(super) use std::sync::{Mutex, MutexGuard};
    pub(super) use tokio::time::sleep_until;
}

pub use ctx::{Guard, Locks, LocksCtx, LocksCtxBuilder, LocksView};
pub(crate) use error::{Error, Mode};
pub use host::add_to_linker;
pub use space::LockSpace;
pub(crate) use space::Place;
