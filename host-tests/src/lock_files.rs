//! The component `lock-files` on a directory, as a lock provider.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{SystemTime, UNIX_EPOCH};

use session_conformance::clock::{Clock, SECOND};
use session_conformance::locks::provider::{Error, Instance, LockScope, Mode, Power, Provider};
use tempfile::TempDir;
use wasmtime::component::{Component, Linker, ResourceAny, ResourceTable};
use wasmtime::{Config, Engine, Store};
use wasmtime_wasi::{FsPerms, WasiCtx, WasiCtxView, WasiView};

use self::generated::exports::session3::sessions::advisory_locks as exported;
use self::generated::{LockFiles, LockFilesPre};
use crate::host::component_path;

mod generated {
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "session3:sessions/lock-files",
        exports: { default: async },
    });
}

/// The lease of a lock, as the component's documentation states.
pub const LEASE: u64 = 120 * SECOND;
/// The lease, and the time that others wait beyond it.
pub const ABANDONED: u64 = LEASE + 10 * SECOND + 1;

/// A directory for lock files, and a clock. The clock shows the real time until a test moves it, as the kernel stamps
/// files with the real time.
pub struct FileLocks {
    path: PathBuf,
    clock: Clock,
    permissions: FsPerms,
    names: &'static [&'static str],
    _directory: Option<TempDir>,
}

impl FileLocks {
    /// Creates a provider on a fresh directory, which is removed with it.
    pub fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let locks = Self::on(directory.path());
        Self { _directory: Some(directory), ..locks }
    }

    /// Creates a provider on an existing directory.
    pub fn on(path: &Path) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
        let clock = Clock::at(now.try_into().unwrap());
        Self { path: path.into(), clock, permissions: FsPerms::ReadWrite, names: &["/"], _directory: None }
    }

    /// Makes the directory read-only for instances.
    pub fn read_only(self) -> Self {
        Self { permissions: FsPerms::ReadOnly, ..self }
    }

    /// Preopens these subdirectories.
    pub fn with_preopens(self, names: &'static [&'static str]) -> Self {
        Self { names, ..self }
    }

    /// The clock of all instances.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The existing lock files.
    pub fn files(&self) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.path.join("locks")) else { return Vec::new() };
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    fn state(&self) -> State {
        let mut wasi = WasiCtx::builder();
        wasi.wall_clock(self.clock.clone()).allow_blocking_current_thread(true);
        for name in self.names {
            wasi.preopened_dir(self.path.join(name.trim_start_matches('/')), name, self.permissions).unwrap();
        }
        State { wasi: wasi.build(), table: ResourceTable::new() }
    }
}

impl Default for FileLocks {
    fn default() -> Self {
        Self::new()
    }
}

impl Provider for FileLocks {
    type Instance = FilesInstance;

    async fn instance(&self) -> FilesInstance {
        let component = component();
        let mut store = Store::new(component.engine(), self.state());
        let exports = component.instantiate_async(&mut store).await.unwrap();
        FilesInstance { store, exports }
    }

    fn has(&self, power: Power) -> bool {
        match power {
            Power::SeesDeath | Power::KeepsOrder | Power::SeesCircles => false,
        }
    }
}

/// An instance of the component.
pub struct FilesInstance {
    store: Store<State>,
    exports: LockFiles,
}

impl Instance for FilesInstance {
    type Guard = ResourceAny;

    async fn acquire(&mut self, name: &str, mode: Mode, timeout: u32) -> Result<ResourceAny, Error> {
        let mode = match mode {
            Mode::Shared => exported::Mode::Shared,
            Mode::Exclusive => exported::Mode::Exclusive,
        };
        let locks = self.exports.session3_sessions_advisory_locks();
        locks.call_acquire(&mut self.store, name, mode, timeout).await.unwrap().map_err(|error| match error {
            exported::Error::TimedOut => Error::TimedOut,
            exported::Error::Deadlock => Error::Deadlock,
            exported::Error::TooMany => Error::TooMany,
            exported::Error::InvalidName => Error::InvalidName,
            exported::Error::Other(text) => Error::Other(text),
        })
    }

    async fn release(&mut self, guard: ResourceAny) {
        guard.resource_drop_async(&mut self.store).await.unwrap();
    }

    async fn scope(&mut self) -> LockScope {
        let locks = self.exports.session3_sessions_advisory_locks();
        match locks.call_scope(&mut self.store).await.unwrap() {
            exported::LockScope::Instance => LockScope::Instance,
            exported::LockScope::Process => LockScope::Process,
            exported::LockScope::Machine => LockScope::Machine,
        }
    }
}

struct State {
    wasi: WasiCtx,
    table: ResourceTable,
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

fn component() -> &'static LockFilesPre<State> {
    static COMPONENT: OnceLock<LockFilesPre<State>> = OnceLock::new();
    COMPONENT.get_or_init(|| {
        let engine = Engine::new(&Config::new()).unwrap();
        let component = Component::from_file(&engine, component_path().with_file_name("lock_files.wasm")).unwrap();
        let mut linker = Linker::new(&engine);
        wasmtime_wasi::p2::add_to_linker_async(&mut linker).unwrap();
        LockFilesPre::new(linker.instantiate_pre(&component).unwrap()).unwrap()
    })
}
