//! The standard harness: a component on a private host.

use std::path::{Path, PathBuf};
use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use session_runtime::LockSpace;
use session_runtime::engines::{EngineCtxBuilder, SharedEngine};
use session_runtime::events::NoSink;
use tempfile::TempDir;
use tokio::sync::OnceCell;
use wasmtime_wasi::{FsPerms, WasiCtx};

use crate::clock::{Clock, START};
use crate::component::Component;
use crate::harness::{Harness, Need};
use crate::instance::Instance;
use crate::state::State;

/// A component on a private host: a directory, a clock and a lock space.
pub struct BackEnd {
    component: Component,
    directory: Directory,
    clock: Clock,
    locks: LockSpace,
    leases: bool,
    /// The host's own store, if the component imports it.
    engine: Option<SharedEngine>,
    location: String,
    /// The environment of instances that may use the network; none without it.
    network: Option<Vec<(String, String)>>,
    /// The only instance, if instances share nothing.
    only: Option<OnceCell<Arc<Instance>>>,
}

enum Directory {
    Fresh(TempDir),
    Of(PathBuf),
}

impl BackEnd {
    /// Creates a back end whose instances share their sessions, in the directory or elsewhere.
    pub fn new(component: &Component) -> Self {
        Self {
            component: component.clone(),
            directory: Directory::Fresh(tempfile::tempdir().unwrap()),
            clock: Clock::at(START),
            locks: LockSpace::process(),
            leases: false,
            engine: None,
            location: ".".into(),
            network: None,
            only: None,
        }
    }

    /// Creates a back end whose component imports `session-store` from the host, on this engine. It uses a location of
    /// its own: other back ends, also of other processes, may use the same server.
    pub fn on_engine(component: &Component, engine: &SharedEngine) -> Self {
        Self { engine: Some(engine.clone()), location: own_location(), ..Self::new(component) }
    }

    /// Creates a back end whose component keeps its sessions on a server that it reaches over the network, and that these
    /// variables of its environment name. It uses a location of its own.
    pub fn on_network(component: &Component, environment: &[(&str, &str)]) -> Self {
        let environment = environment.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
        Self { network: Some(environment), location: own_location(), ..Self::new(component) }
    }

    /// Creates a back end that keeps its sessions in the memory of one instance, which all clients share.
    pub fn in_one_instance(component: &Component) -> Self {
        Self { only: Some(OnceCell::new()), ..Self::new(component) }
    }

    /// Uses an existing directory instead of a fresh one.
    pub fn on(self, path: &Path) -> Self {
        Self { directory: Directory::Of(path.into()), ..self }
    }

    /// Declares that locks are leases: the lock of a dead instance is free only after its lease.
    pub fn with_leases(self) -> Self {
        Self { leases: true, ..self }
    }

    async fn make_instance(&self) -> Arc<Instance> {
        let path = match &self.directory {
            Directory::Fresh(directory) => directory.path(),
            Directory::Of(path) => path,
        };
        let mut wasi = WasiCtx::builder();
        // Set before `preopened_dir`, which copies it: no file operation outlives the instance.
        wasi.wall_clock(self.clock.clone()).allow_blocking_current_thread(true);
        wasi.preopened_dir(path, ".", FsPerms::ReadWrite).unwrap();
        if let Some(environment) = &self.network {
            wasi.inherit_network().allow_tcp(true).allow_ip_name_lookup(true).envs(environment);
        }
        let mut state = State::new(wasi.build(), &self.locks, Arc::new(NoSink));
        if let Some(engine) = &self.engine {
            let engine = EngineCtxBuilder::new(engine, &self.locks).wall_clock(self.clock.clone());
            state = state.with_engine(engine.build());
        }
        Arc::new(Instance::new(&self.component, state).await)
    }
}

/// A location that no other back end uses, on a server that others use as well.
fn own_location() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    format!("test-{}-{}", process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}

impl Harness for BackEnd {
    async fn instance(&self) -> Arc<Instance> {
        match &self.only {
            Some(instance) => instance.get_or_init(|| self.make_instance()).await.clone(),
            None => self.make_instance().await,
        }
    }

    fn clock(&self) -> &Clock {
        &self.clock
    }

    fn location(&self) -> &str {
        &self.location
    }

    fn lacks(&self, need: Need) -> Option<String> {
        match need {
            Need::Instances | Need::Ends | Need::Circles if self.only.is_some() => {
                Some("its sessions are in the memory of one instance".into())
            }
            Need::Ends if self.leases => Some("the lock of a dead instance is free only after its lease".into()),
            Need::Circles if self.leases => Some("its locks do not detect deadlocks".into()),
            Need::Manager if !self.component.has_manager() => Some("it exports no session-manager".into()),
            Need::Instances | Need::Ends | Need::Circles | Need::Manager => None,
        }
    }
}
