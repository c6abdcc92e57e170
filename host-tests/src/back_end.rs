//! Somebody's component, for the conformance suite.

use std::path::Path;
use std::sync::Arc;

use tokio::sync::OnceCell;
use wasmtime::Result;

use crate::bindings::Linked;
use crate::clock::Clock;
use crate::harness::{Harness, Need};
use crate::host::{self, Host};
use crate::instance::Instance;

/// A component that exports `session-store`, and perhaps `session-manager`, compiled.
///
/// It may import what a host of this project has: WASI, `advisory-locks`, `session-events`.
#[derive(Clone)]
pub struct Component(Linked);

impl Component {
    /// Compile a component. An error when it is none, exports no store, or imports what there is not.
    pub fn new(bytes: &[u8]) -> Result<Self> {
        host::compile_bytes(bytes).map(Self)
    }
}

/// A component on a host of its own: a fresh directory, a clock, a lock space.
pub struct BackEnd {
    component: Component,
    host: Host,
    leases: bool,
    /// The one instance, where instances share nothing.
    only: Option<OnceCell<Arc<Instance>>>,
}

impl BackEnd {
    /// One whose instances share their sessions, in the directory or elsewhere.
    pub fn new(component: &Component) -> Self {
        Self { host: Host::of(&component.0), component: component.clone(), leases: false, only: None }
    }

    /// The same on somebody's directory.
    pub fn on(self, path: &Path) -> Self {
        Self { host: Host::of_on(&self.component.0, path), ..self }
    }

    /// The same, where locks are leases: nobody learns of the end of an instance before.
    pub fn with_leases(self) -> Self {
        Self { leases: true, ..self }
    }

    /// One that keeps its sessions in the memory of an instance, so that all clients have to use that one.
    pub fn in_one_instance(component: &Component) -> Self {
        Self { only: Some(OnceCell::new()), ..Self::new(component) }
    }
}

impl Harness for BackEnd {
    async fn instance(&self) -> Arc<Instance> {
        match &self.only {
            Some(instance) => instance.get_or_init(|| self.host.instance()).await.clone(),
            None => self.host.instance().await,
        }
    }

    fn clock(&self) -> &Clock {
        self.host.clock()
    }

    fn lacks(&self, need: Need) -> Option<String> {
        match need {
            Need::Instances | Need::Ends | Need::Circles if self.only.is_some() => {
                Some("its sessions are in the memory of one instance".into())
            }
            Need::Ends if self.leases => Some("a lock that is not given back is free after its lease".into()),
            Need::Circles if self.leases => Some("its locks do not know who waits for whom".into()),
            Need::Manager if !self.component.0.has_manager() => Some("it exports no session-manager".into()),
            Need::Instances | Need::Ends | Need::Circles | Need::Manager => None,
        }
    }
}
