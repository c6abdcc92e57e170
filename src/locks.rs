//! Session locks: the only module that calls `advisory-locks`.

use alloc::format;
use alloc::string::String;

use session_core::SessionId;
use session_core::error::{Error, Result};
use session_core::store::{LockMode, Milliseconds};

use crate::bindings::session3::sessions::advisory_locks::{self, Guard, LockScope, Mode};

/// A lock, held until dropped.
pub struct Lock {
    _guard: Guard,
    mode: LockMode,
}

impl Lock {
    /// Waits for a lock.
    pub fn acquire(name: &str, mode: LockMode, wait: Milliseconds) -> Result<Self> {
        let wanted = match mode {
            LockMode::Shared => Mode::Shared,
            LockMode::Exclusive => Mode::Exclusive,
        };
        let wait = wait.min(u32::MAX.into()) as u32;
        let guard = advisory_locks::acquire(name, wanted, wait).map_err(|error| match error {
            advisory_locks::Error::TimedOut => Error::Busy,
            advisory_locks::Error::Deadlock => Error::Deadlock,
            // Most likely the name has as many waiters as the provider allows.
            advisory_locks::Error::TooMany => Error::Busy,
            advisory_locks::Error::InvalidName => Error::Other(format!("the lock provider rejects the name {name}")),
            advisory_locks::Error::Other(text) => Error::Other(text),
        })?;
        Ok(Self { _guard: guard, mode })
    }

    /// Whether the lock is exclusive.
    pub fn is_exclusive(&self) -> bool {
        self.mode == LockMode::Exclusive
    }
}

/// The name of a session's lock. It starts with the store's id, not with a path: instances that opened the same
/// directory by different paths use the same lock.
pub fn of_session(store: &str, id: &SessionId) -> String {
    format!("{store}/{id}")
}

/// The lock for setting up a store: the same for all stores, since a store has no id before.
pub const SETUP: &str = "session3 setup";

/// Whether exclusion reaches other processes on this machine.
pub fn reach_processes() -> bool {
    advisory_locks::scope() == LockScope::Machine
}

/// Whether exclusion reaches other instances in this process.
pub fn reach_instances() -> bool {
    advisory_locks::scope() != LockScope::Instance
}
