//! The interface between the conformance suite and a host.

use std::sync::Arc;

use crate::bindings::Options;
use crate::client::{Configuration, Manager, Store, options};
use crate::clock::Clock;
use crate::instance::Instance;

/// A capability that some promises of the contract require and some back ends lack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Several concurrent instances that share the sessions and exclude each other by locks. Without it,
    /// [`Harness::instance`] always returns the same instance.
    Instances,
    /// [`Need::Instances`], and the locks of an instance are free as soon as it ends.
    Ends,
    /// [`Need::Instances`], and a lock request that would deadlock is refused.
    Circles,
    /// The export `session-manager`, on the same sessions as `session-store`.
    Manager,
}

/// An initially empty location for sessions, and the instances that share it.
///
/// Instances exclude each other by locks, at least within the process. They share one clock.
pub trait Harness: Sync {
    /// Returns a fresh instance, or the only one if [`Need::Instances`] is lacking.
    fn instance(&self) -> impl Future<Output = Arc<Instance>> + Send;

    /// The clock of all instances. It stands still until a test moves it.
    fn clock(&self) -> &Clock;

    /// Returns why the back end lacks a capability, or none if it has it. Promises that need it are reported as not
    /// applicable, with this reason.
    fn lacks(&self, _need: Need) -> Option<String> {
        None
    }

    /// The error of a client that requests a lock held by another client, as one word. Within a single instance this is
    /// a deadlock.
    fn locked(&self) -> &'static str {
        if self.lacks(Need::Instances).is_none() { "busy" } else { "deadlock" }
    }

    /// The location of the store, as instances name it.
    fn location(&self) -> &str {
        "."
    }

    /// Opens the store in a fresh instance.
    fn store(&self) -> impl Future<Output = Store> + Send {
        self.store_with(options())
    }

    /// Opens the store in a fresh instance, with these options.
    fn store_with(&self, options: Options) -> impl Future<Output = Store> + Send {
        async move { Store::open(&self.instance().await, self.location(), options).await.unwrap() }
    }

    /// Opens a manager of the store's sessions in a fresh instance.
    fn manager(&self) -> impl Future<Output = Manager> + Send {
        self.manager_with(Configuration::default())
    }

    /// Opens a manager of the store's sessions in a fresh instance, with this configuration.
    fn manager_with(&self, configuration: Configuration) -> impl Future<Output = Manager> + Send {
        async move { Manager::open(&self.instance().await, self.location(), options(), &configuration).await.unwrap() }
    }
}
