//! What the conformance suite needs of a host.

use std::sync::Arc;

use crate::bindings::Options;
use crate::client::{Configuration, Manager, Store, options};
use crate::clock::Clock;
use crate::instance::Instance;

/// One place for sessions, empty at first, and the instances that work on it.
///
/// Instances exclude each other by their locks, at least within the process. All of them read one clock.
pub trait Harness: Sync {
    /// A fresh instance.
    fn instance(&self) -> impl Future<Output = Arc<Instance>> + Send;

    /// The clock of all instances. It stands still unless a test moves it.
    fn clock(&self) -> &Clock;

    /// Where the store is, as the instances name it.
    fn location(&self) -> &str {
        "."
    }

    /// The store, through a fresh instance.
    fn store(&self) -> impl Future<Output = Store> + Send {
        self.store_with(options())
    }

    /// The store, through a fresh instance and with these options.
    fn store_with(&self, options: Options) -> impl Future<Output = Store> + Send {
        async move { Store::open(&self.instance().await, self.location(), options).await.unwrap() }
    }

    /// A manager of the store's sessions, in a fresh instance.
    fn manager(&self) -> impl Future<Output = Manager> + Send {
        self.manager_with(Configuration::default())
    }

    /// A manager of the store's sessions, in a fresh instance and configured so.
    fn manager_with(&self, configuration: Configuration) -> impl Future<Output = Manager> + Send {
        async move { Manager::open(&self.instance().await, self.location(), options(), &configuration).await.unwrap() }
    }
}
