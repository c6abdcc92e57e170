//! The interface between the lock conformance suite and a provider.

use std::fmt::Debug;

pub use crate::bindings::advisory_locks::{Error, LockScope, Mode};

/// An optional capability of a provider, which the contract guarantees among the instances of one process, or where the
/// provider detects a death.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Power {
    /// The locks of a dead instance are free at once.
    SeesDeath,
    /// Waiters get the lock in the order of their requests.
    KeepsOrder,
    /// A request that would deadlock is refused at once.
    SeesCircles,
}

/// A lock space, initially without locks.
pub trait Provider: Sync {
    /// One instance of a guest, which owns its locks.
    type Instance: Instance;

    /// A fresh instance.
    fn instance(&self) -> impl Future<Output = Self::Instance> + Send;

    /// Whether the provider has a capability.
    fn has(&self, power: Power) -> bool;
}

/// One instance. It waits for one lock at a time. Dropping it kills it: it releases nothing.
pub trait Instance: Send + 'static {
    /// The resource `guard`. Dropping it in Rust does nothing.
    type Guard: Debug + Send;

    /// `acquire`
    fn acquire(
        &mut self,
        name: &str,
        mode: Mode,
        timeout: u32,
    ) -> impl Future<Output = Result<Self::Guard, Error>> + Send;

    /// Drops a guard, as a guest does.
    fn release(&mut self, guard: Self::Guard) -> impl Future<Output = ()> + Send;

    /// `scope`
    fn scope(&mut self) -> impl Future<Output = LockScope> + Send;

    /// Acquires a free lock, without waiting.
    #[track_caller]
    fn take(&mut self, name: &str, mode: Mode) -> impl Future<Output = Self::Guard> + Send {
        let caller = std::panic::Location::caller();
        async move {
            let answer = self.acquire(name, mode, 0).await;
            answer.unwrap_or_else(|error| panic!("the lock at {caller} is not free: {error:?}"))
        }
    }

    /// Asserts that acquiring a lock without waiting fails with `expected`.
    #[track_caller]
    fn is_refused(&mut self, name: &str, mode: Mode, expected: &str) -> impl Future<Output = ()> + Send {
        let caller = std::panic::Location::caller();
        async move {
            match self.acquire(name, mode, 0).await {
                Ok(_) => panic!("the lock at {caller} was granted"),
                Err(error) => assert_eq!(kind(&error), expected, "at {caller}: {error:?}"),
            }
        }
    }
}

/// An error as one word.
pub fn kind(error: &Error) -> &'static str {
    match error {
        Error::TimedOut => "timed-out",
        Error::Deadlock => "deadlock",
        Error::TooMany => "too-many",
        Error::InvalidName => "invalid-name",
        Error::Other(_) => "other",
    }
}
