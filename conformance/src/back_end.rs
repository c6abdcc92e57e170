//! The standard harness: a component on a private host.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use session_runtime::LockSpace;
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
            only: None,
        }
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
        Arc::new(Instance::new(&self.component, State::new(wasi.build(), &self.locks, Arc::new(NoSink))).await)
    }
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
