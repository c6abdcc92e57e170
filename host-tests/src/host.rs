//! A directory, a clock and a lock space, and instances of the component on them.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::{env, fs};

use session_runtime::{EventsCtx, LockSpace, LocksCtx};
use tempfile::TempDir;
use wasmtime::component::{Component, Linker, ResourceTable};
use wasmtime::{Config, Engine, PoolingAllocationConfig, Result};
use wasmtime_wasi::{FsPerms, WasiCtx};

use crate::bindings::{Linked, advisory_locks};
use crate::calls;
use crate::clock::Clock;
use crate::coverage;
use crate::events::Recorder;
use crate::harness::Harness;
use crate::instance::{Instance, Memory, State};

/// When tests begin: 2020-09-13T12:26:40Z. The kernel's own time stamps on files are later, so they lie in the future
/// of every test: a component that trusts them fails.
pub const START: u64 = 1_600_000_000_000;

/// A host on one directory.
pub struct Host {
    component: Linked,
    path: PathBuf,
    clock: Clock,
    locks: LockSpace,
    events: Recorder,
    permissions: FsPerms,
    protected: bool,
    preopens: &'static [&'static str],
    refusal: Option<advisory_locks::Error>,
    memory: usize,
    _directory: Option<TempDir>,
}

impl Host {
    /// A host on a fresh directory, which goes with it.
    pub fn new() -> Self {
        Self::of(component())
    }

    /// A host of this component on a fresh directory, which goes with it.
    pub(crate) fn of(component: &Linked) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let host = Self::with(component.clone(), directory.path().into());
        Self { _directory: Some(directory), ..host }
    }

    /// A host of this component on somebody's directory.
    pub(crate) fn of_on(component: &Linked, path: &Path) -> Self {
        Self::with(component.clone(), path.into())
    }

    /// A host on somebody's directory.
    pub fn on(path: impl Into<PathBuf>) -> Self {
        Self::with(component().clone(), path.into())
    }

    fn with(component: Linked, path: PathBuf) -> Self {
        Self {
            component,
            path,
            clock: Clock::at(START),
            locks: LockSpace::process(),
            events: Recorder::default(),
            permissions: FsPerms::ReadWrite,
            protected: true,
            preopens: &["."],
            refusal: None,
            memory: usize::MAX,
            _directory: None,
        }
    }

    /// Another host on the same directory with the same clock, as after a restart: a new engine, a new lock space.
    pub fn restarted(&self) -> Self {
        Self { clock: self.clock.clone(), ..Self::with(compile(), self.path.clone()) }
    }

    /// The same with these locks.
    pub fn with_locks(self, locks: LockSpace) -> Self {
        Self { locks, ..self }
    }

    /// The same with instances whose steps are counted, so that they can be stopped at any of them.
    pub fn metered(self) -> Self {
        static COMPONENT: OnceLock<Linked> = OnceLock::new();
        let component = COMPONENT.get_or_init(|| from_file(&engine(Config::new().consume_fuel(true))));
        Self { component: component.clone(), ..self }
    }

    /// A host on somebody's directory with the component that [`precompile`] has compiled, in another process perhaps.
    pub fn precompiled(component: &Path, path: impl Into<PathBuf>) -> Self {
        let engine = engine(&mut Config::new());
        #[expect(unsafe_code, reason = "the file is ours, and made by `precompile` of the same build")]
        // SAFETY: as the reason says; a file of another version or for another engine is refused.
        let component = unsafe { Component::deserialize_file(&engine, component) }.unwrap();
        Self::with(link(&engine, &component), path.into())
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

    /// The same without what keeps a dropped instance from writing: as Wasmtime does it when it is not told otherwise.
    pub fn unprotected(self) -> Self {
        Self { protected: false, ..self }
    }

    /// The same with these parts of the directory preopened, under the same names.
    pub fn with_preopens(self, preopens: &'static [&'static str]) -> Self {
        Self { preopens, ..self }
    }

    /// The same with a lock provider that gives nobody a lock, for this reason.
    pub fn refusing_locks(self, refusal: advisory_locks::Error) -> Self {
        Self { refusal: Some(refusal), ..self }
    }

    /// The same with instances that may have so many bytes of memory.
    pub fn with_memory(self, memory: usize) -> Self {
        Self { memory, ..self }
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What its instances have told since this was last asked.
    pub fn events(&self) -> Vec<String> {
        self.events.take()
    }

    /// The component and the data of a new instance.
    pub(crate) fn parts(&self) -> (&Linked, State) {
        (&self.component, self.state())
    }

    fn state(&self) -> State {
        let mut wasi = WasiCtx::builder();
        wasi.wall_clock(self.clock.clone());
        // Before `preopened_dir`, which takes it over: file operations then end before the instance can.
        wasi.allow_blocking_current_thread(self.protected);
        for name in self.preopens {
            wasi.preopened_dir(self.path.join(name), name, self.permissions).unwrap();
        }
        State {
            wasi: wasi.build(),
            table: ResourceTable::new(),
            locks: LocksCtx::new(&self.locks),
            events: EventsCtx::new(Arc::new(self.events.clone())),
            refusal: self.refusal.clone(),
            memory: Memory::of(self.memory),
            remote: None,
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
    if let Some(path) = coverage::component() {
        return path;
    }
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let target = env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
    workspace.join(target).join("components/session_store.wasm")
}

/// The component, compiled once in this process.
fn component() -> &'static Linked {
    static COMPONENT: OnceLock<Linked> = OnceLock::new();
    COMPONENT.get_or_init(compile)
}

fn compile() -> Linked {
    from_file(&engine(&mut Config::new()))
}

/// Compile somebody's component.
pub(crate) fn compile_bytes(bytes: &[u8]) -> Result<Linked> {
    let engine = engine(&mut Config::new());
    try_link(&engine, &Component::from_binary(&engine, bytes)?)
}

/// Compile the component for [`Host::precompiled`], into this file.
pub fn precompile(file: &Path) {
    let component = Component::from_file(&engine(&mut Config::new()), component_path()).unwrap();
    fs::write(file, component.serialize().unwrap()).unwrap();
}

fn from_file(engine: &Engine) -> Linked {
    let path = component_path();
    assert!(path.is_file(), "{} is missing: the build script of session-runtime makes it", path.display());
    link(engine, &Component::from_file(engine, &path).unwrap())
}

fn link(engine: &Engine, component: &Component) -> Linked {
    try_link(engine, component).unwrap()
}

fn try_link(engine: &Engine, component: &Component) -> Result<Linked> {
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    session_runtime::add_to_linker(&mut linker)?;
    session_runtime::add_events_to_linker(&mut linker)?;
    calls::make_countable(&mut linker)?;
    Linked::new(linker.instantiate_pre(component)?)
}

pub(crate) fn engine(config: &mut Config) -> Engine {
    let mut pool = PoolingAllocationConfig::default();
    pool.total_component_instances(100)
        .total_core_instances(500)
        .total_memories(100)
        .total_tables(500)
        .total_stacks(100);
    Engine::new(coverage::allocate(config, pool)).unwrap()
}
