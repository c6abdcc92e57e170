//! What the conformance suite needs of a host.

use std::sync::Arc;

use crate::bindings::Options;
use crate::client::{Configuration, Manager, Store, options};
use crate::clock::Clock;
use crate::instance::Instance;

/// What some promises of the contract are about, and some back ends do not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Several instances that work on the place at once and exclude each other by their locks. Without it
    /// [`Harness::instance`] is always the same one.
    Instances,
    /// Instances, and locks that are free at once when their instance ends.
    Ends,
    /// Instances, and locks that refuse a wait that could never end.
    Circles,
    /// The export `session-manager`, beside `session-store` and on the same sessions.
    Manager,
}

/// One place for sessions, empty at first, and the instances that work on it.
///
/// Instances exclude each other by their locks, at least within the process. All of them read one clock.
pub trait Harness: Sync {
    /// A fresh instance; the only one where [`Need::Instances`] is lacking.
    fn instance(&self) -> impl Future<Output = Arc<Instance>> + Send;

    /// The clock of all instances. It stands still unless a test moves it.
    fn clock(&self) -> &Clock;

    /// Why the back end cannot have this, if it cannot. What needs it is then reported as not applicable, with this reason.
    fn lacks(&self, _need: Need) -> Option<String> {
        None
    }

    /// What answers a client that asks for a lock while another client has it, as one word. Within one instance it would
    /// wait for itself.
    fn locked(&self) -> &'static str {
        if self.lacks(Need::Instances).is_none() { "busy" } else { "deadlock" }
    }

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
