//! A directory, a clock, a lock space, and instances of the component on them.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::{env, fs};

use session_conformance::bindings::advisory_locks;
use session_conformance::clock::{Clock, START};
use session_conformance::component::{Component, linker};
use session_conformance::harness::Harness;
use session_conformance::instance::Instance;
use session_conformance::state::State;
use session_runtime::LockSpace;
use session_runtime::locks::Guard;
use tempfile::TempDir;
use wasmtime::component::{self, Linker, Resource};
use wasmtime::{Config, Engine, PoolingAllocationConfig, Result};
use wasmtime_wasi::{FsPerms, WasiCtx};

use crate::calls;
use crate::coverage;
use crate::events::Recorder;

/// A host on one directory.
pub struct Host {
    component: Component,
    path: PathBuf,
    clock: Clock,
    locks: LockSpace,
    events: Recorder,
    permissions: FsPerms,
    protected: bool,
    preopens: &'static [&'static str],
    memory: usize,
    _directory: Option<TempDir>,
}

impl Host {
    /// Creates a host on a fresh directory, which is removed with it.
    pub fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let host = Self::on(directory.path());
        Self { _directory: Some(directory), ..host }
    }

    /// Creates a host on an existing directory.
    pub fn on(path: impl Into<PathBuf>) -> Self {
        Self::with(linked().clone(), path.into())
    }

    fn with(component: Component, path: PathBuf) -> Self {
        Self {
            component,
            path,
            clock: Clock::at(START),
            locks: LockSpace::process(),
            events: Recorder::default(),
            permissions: FsPerms::ReadWrite,
            protected: true,
            preopens: &["."],
            memory: usize::MAX,
            _directory: None,
        }
    }

    /// Returns a host on the same directory with the same clock, as after a restart: with a new engine and lock space.
    pub fn restarted(&self) -> Self {
        Self { clock: self.clock.clone(), ..Self::with(link(&compile(&mut Config::new())), self.path.clone()) }
    }

    /// Sets the lock space.
    pub fn with_locks(self, locks: LockSpace) -> Self {
        Self { locks, ..self }
    }

    /// Makes instances consume fuel, so that they can be stopped at any instruction.
    pub fn metered(self) -> Self {
        static COMPONENT: OnceLock<Component> = OnceLock::new();
        let component = COMPONENT.get_or_init(|| link(&compile(Config::new().consume_fuel(true))));
        Self { component: component.clone(), ..self }
    }

    /// Creates a host on an existing directory with the component that [`precompile`] compiled, possibly in another
    /// process.
    pub fn precompiled(component: &Path, path: impl Into<PathBuf>) -> Self {
        let engine = engine(&mut Config::new());
        #[expect(unsafe_code, reason = "the file is trusted: `precompile` of the same build wrote it")]
        // SAFETY: the file is trusted; one of another version or for another engine is refused.
        let component = unsafe { component::Component::deserialize_file(&engine, component) }.unwrap();
        Self::with(link(&component), path.into())
    }

    /// Sets the clock.
    pub fn at(self, now: u64) -> Self {
        self.clock.set(now);
        self
    }

    /// Makes the directory read-only for instances.
    pub fn read_only(self) -> Self {
        Self { permissions: FsPerms::ReadOnly, ..self }
    }

    /// Allows writes of a dropped instance, as is Wasmtime's default.
    pub fn unprotected(self) -> Self {
        Self { protected: false, ..self }
    }

    /// Preopens these subdirectories, under the same names.
    pub fn with_preopens(self, preopens: &'static [&'static str]) -> Self {
        Self { preopens, ..self }
    }

    /// Replaces the lock provider by one that fails with `refusal`.
    pub fn refusing_locks(self, refusal: advisory_locks::Error) -> Self {
        let mut linker = host_functions(compiled().engine()).unwrap();
        refuse_locks(&mut linker, refusal).unwrap();
        Self { component: Component::linked(linker.instantiate_pre(compiled()).unwrap()).unwrap(), ..self }
    }

    /// Limits the memory of an instance to this many bytes.
    pub fn with_memory(self, memory: usize) -> Self {
        Self { memory, ..self }
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns and clears the events of its instances.
    pub fn events(&self) -> Vec<String> {
        self.events.take()
    }

    /// The component and the state of a new instance.
    pub(crate) fn parts(&self) -> (&Component, State) {
        (&self.component, self.state())
    }

    fn state(&self) -> State {
        let mut wasi = WasiCtx::builder();
        wasi.wall_clock(self.clock.clone());
        // Set before `preopened_dir`, which copies it: no file operation outlives the instance.
        wasi.allow_blocking_current_thread(self.protected);
        for name in self.preopens {
            wasi.preopened_dir(self.path.join(name), name, self.permissions).unwrap();
        }
        State::new(wasi.build(), &self.locks, Arc::new(self.events.clone())).with_memory(self.memory)
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

/// The path of the built component.
pub fn component_path() -> PathBuf {
    if let Some(path) = coverage::component() {
        return path;
    }
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let target = env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
    workspace.join(target).join("components/session_store.wasm")
}

/// The component, compiled once in this process.
fn compiled() -> &'static component::Component {
    static COMPILED: OnceLock<component::Component> = OnceLock::new();
    COMPILED.get_or_init(|| compile(&mut Config::new()))
}

/// The component, linked once in this process.
fn linked() -> &'static Component {
    static LINKED: OnceLock<Component> = OnceLock::new();
    LINKED.get_or_init(|| link(compiled()))
}

fn compile(config: &mut Config) -> component::Component {
    let path = component_path();
    assert!(path.is_file(), "{} is missing: the build script of session-runtime builds it", path.display());
    component::Component::from_file(&engine(config), &path).unwrap()
}

/// Compiles the component into this file, for [`Host::precompiled`].
pub fn precompile(file: &Path) {
    fs::write(file, compiled().serialize().unwrap()).unwrap();
}

fn link(component: &component::Component) -> Component {
    let linker = host_functions(component.engine()).unwrap();
    Component::linked(linker.instantiate_pre(component).unwrap()).unwrap()
}

/// A linker with everything a component may import, observed by [`Calls`](calls::Calls).
fn host_functions(engine: &Engine) -> Result<Linker<State>> {
    let mut linker = linker(engine)?;
    calls::make_countable(&mut linker)?;
    Ok(linker)
}

/// Refuses all locks with this error.
fn refuse_locks(linker: &mut Linker<State>, refusal: advisory_locks::Error) -> Result<()> {
    let mut locks = linker.instance("session3:sessions/advisory-locks@0.2.0")?;
    locks.func_wrap("acquire", move |_, _: (String, advisory_locks::Mode, u32)| {
        Ok((Err::<Resource<Guard>, _>(refusal.clone()),))
    })
}

fn engine(config: &mut Config) -> Engine {
    let mut pool = PoolingAllocationConfig::default();
    pool.total_component_instances(100)
        .total_core_instances(500)
        .total_memories(100)
        .total_tables(500)
        .total_stacks(100);
    Engine::new(coverage::allocate(config, pool)).unwrap()
}
