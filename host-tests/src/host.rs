//! A directory, a clock and a lock space, and instances of the component on them.

use std::env;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use session_runtime::{LockSpace, LocksCtx};
use tempfile::TempDir;
use wasmtime::component::{Component, Linker, ResourceTable};
use wasmtime::{Config, Engine, InstanceAllocationStrategy, PoolingAllocationConfig};
use wasmtime_wasi::{FsPerms, WasiCtx};

use crate::bindings::FileBackedPre;
use crate::calls;
use crate::clock::Clock;
use crate::harness::Harness;
use crate::instance::{Instance, Memory, State};

/// When tests begin: 2020-09-13T12:26:40Z. The kernel's own time stamps on files are later, so they lie in the future
/// of every test: a component that trusts them fails.
pub const START: u64 = 1_600_000_000_000;

/// A host on one directory.
pub struct Host {
    component: FileBackedPre<State>,
    path: PathBuf,
    clock: Clock,
    locks: LockSpace,
    permissions: FsPerms,
    _directory: Option<TempDir>,
}

impl Host {
    /// A host on a fresh directory, which goes with it.
    pub fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let host = Self::on(directory.path());
        Self { _directory: Some(directory), ..host }
    }

    /// A host on somebody's directory.
    pub fn on(path: impl Into<PathBuf>) -> Self {
        Self {
            component: component().clone(),
            path: path.into(),
            clock: Clock::at(START),
            locks: LockSpace::process(),
            permissions: FsPerms::ReadWrite,
            _directory: None,
        }
    }

    /// Another host on the same directory with the same clock, as after a restart: a new engine, a new lock space.
    pub fn restarted(&self) -> Self {
        Self { component: compile(&engine(false)), clock: self.clock.clone(), ..Self::on(&self.path) }
    }

    /// The same with these locks.
    pub fn with_locks(self, locks: LockSpace) -> Self {
        Self { locks, ..self }
    }

    /// The same, at this time.
    pub fn at(self, now: u64) -> Self {
        self.clock.set(now);
        self
    }

    /// The same without the right to write.
    pub fn read_only(self) -> Self {
        Self { permissions: FsPerms::ReadOnly, ..self }
    }

    /// The same with instances whose instructions are counted.
    pub fn metered(self) -> Self {
        static COMPONENT: OnceLock<FileBackedPre<State>> = OnceLock::new();
        Self { component: COMPONENT.get_or_init(|| compile(&engine(true))).clone(), ..self }
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn state(&self) -> State {
        let mut wasi = WasiCtx::builder();
        wasi.wall_clock(self.clock.clone());
        // Before `preopened_dir`, which takes it over: file operations then end before the instance can.
        wasi.allow_blocking_current_thread(true);
        wasi.preopened_dir(&self.path, ".", self.permissions).unwrap();
        State {
            wasi: wasi.build(),
            table: ResourceTable::new(),
            locks: LocksCtx::new(&self.locks),
            memory: Memory::default(),
        }
    }
}

impl Default for Host {
    fn default() -> Self {
        Self::new()
    }
}

impl Harness for Host {
    async fn instance(&self) -> Arc<Instance> {
        Arc::new(Instance::new(&self.component, self.state()).await)
    }

    fn clock(&self) -> &Clock {
        &self.clock
    }
}

/// Where the build leaves the component.
pub fn component_path() -> PathBuf {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let target = env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
    workspace.join(target).join("components/session_store.wasm")
}

/// The component, compiled once in this process.
fn component() -> &'static FileBackedPre<State> {
    static COMPONENT: OnceLock<FileBackedPre<State>> = OnceLock::new();
    COMPONENT.get_or_init(|| compile(&engine(false)))
}

fn compile(engine: &Engine) -> FileBackedPre<State> {
    let path = component_path();
    assert!(path.is_file(), "{} is missing: the build script of session-runtime makes it", path.display());
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker).unwrap();
    session_runtime::add_to_linker(&mut linker).unwrap();
    calls::make_countable(&mut linker).unwrap();
    let component = Component::from_file(engine, &path).unwrap();
    FileBackedPre::new(linker.instantiate_pre(&component).unwrap()).unwrap()
}

fn engine(metered: bool) -> Engine {
    let mut pool = PoolingAllocationConfig::default();
    pool.total_component_instances(100)
        .total_core_instances(500)
        .total_memories(100)
        .total_tables(500)
        .total_stacks(100);
    let mut config = Config::new();
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool)).consume_fuel(metered);
    Engine::new(&config).unwrap()
}
