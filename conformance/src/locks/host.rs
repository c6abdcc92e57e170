//! The locks of `session-runtime`, as guests see them.

use session_runtime::bindings::session3::sessions::advisory_locks::{Host, HostGuard};
use session_runtime::locks::Guard;
use session_runtime::{LockSpace, Locks, LocksCtx};
use tempfile::TempDir;
use wasmtime::component::{Resource, ResourceTable};

use super::provider::{Error, Instance, LockScope, Mode, Power, Provider};

/// A lock space.
pub struct HostLocks {
    space: LockSpace,
    /// The directory of the lock file.
    _directory: Option<TempDir>,
}

impl HostLocks {
    /// Creates a lock space for this process.
    pub fn in_a_process() -> Self {
        Self { space: LockSpace::process(), _directory: None }
    }

    /// Creates a lock space with a lock file.
    pub fn on_a_machine() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let space = LockSpace::machine(directory.path().join("lock")).unwrap();
        Self { space, _directory: Some(directory) }
    }
}

/// The host state of an instance.
pub struct HostInstance {
    ctx: LocksCtx,
    table: ResourceTable,
}

impl HostInstance {
    fn locks(&mut self) -> Locks<'_> {
        Locks { ctx: &mut self.ctx, table: &mut self.table }
    }
}

impl Provider for HostLocks {
    type Instance = HostInstance;

    async fn instance(&self) -> HostInstance {
        HostInstance { ctx: LocksCtx::new(&self.space), table: ResourceTable::new() }
    }

    fn has(&self, _: Power) -> bool {
        true
    }
}

impl Instance for HostInstance {
    type Guard = Resource<Guard>;

    async fn acquire(&mut self, name: &str, mode: Mode, timeout: u32) -> Result<Self::Guard, Error> {
        self.locks().acquire(name.into(), mode, timeout).await.unwrap()
    }

    async fn release(&mut self, guard: Self::Guard) {
        self.locks().drop(guard).await.unwrap();
    }

    async fn scope(&mut self) -> LockScope {
        self.locks().scope().await.unwrap()
    }
}
