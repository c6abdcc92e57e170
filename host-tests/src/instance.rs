//! One instance of a session component.

use std::panic::Location;

use session_runtime::{EventsCtx, EventsView, Locks, LocksCtx, LocksView};
use tokio::sync::{Mutex, MutexGuard};
use wasmtime::component::ResourceTable;
use wasmtime::{ResourceLimiter, Store};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

use crate::bindings::{Exports, Linked, advisory_locks};
use crate::remote::Connection;

/// What an instance has of its host. Dropped with the instance, and its locks with it.
pub struct State {
    pub(crate) wasi: WasiCtx,
    pub(crate) table: ResourceTable,
    pub(crate) locks: LocksCtx,
    pub(crate) events: EventsCtx,
    pub(crate) refusal: Option<advisory_locks::Error>,
    pub(crate) memory: Memory,
    /// The instance that it stands for, if that is in another process.
    pub(crate) remote: Option<Connection>,
}

/// Counts the bytes of all memories of an instance, and bounds them. A memory never shrinks.
pub(crate) struct Memory {
    taken: usize,
    most: usize,
}

impl Memory {
    /// At most so many bytes.
    pub(crate) fn of(most: usize) -> Self {
        Self { taken: 0, most }
    }
}

impl Default for Memory {
    fn default() -> Self {
        Self::of(usize::MAX)
    }
}

impl ResourceLimiter for Memory {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let fits = desired - current <= self.most - self.taken;
        self.taken += if fits { desired - current } else { 0 };
        Ok(fits)
    }

    fn table_growing(&mut self, _: usize, _: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        Ok(true)
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl LocksView for State {
    fn locks(&mut self) -> Locks<'_> {
        Locks { ctx: &mut self.locks, table: &mut self.table }
    }
}

impl EventsView for State {
    fn events(&mut self) -> &mut EventsCtx {
        &mut self.events
    }
}

/// So much that it never runs out.
const FUEL: u64 = u64::MAX;

/// One instance. Its calls go one after the other, as the component model demands.
pub struct Instance {
    store: Mutex<Store<State>>,
    exports: Exports,
}

impl Instance {
    pub(crate) async fn new(component: &Linked, state: State) -> Self {
        let mut store = Store::new(component.engine(), state);
        store.limiter(|state| &mut state.memory);
        // Refused by an engine that does not count.
        let _ = store.set_fuel(FUEL);
        let exports = component.instantiate_async(&mut store).await.expect("the component instantiates");
        Self { store: Mutex::new(store), exports }
    }

    /// The functions to call.
    pub fn exports(&self) -> &Exports {
        &self.exports
    }

    /// Wait for the call under way, then make one.
    pub async fn enter(&self) -> MutexGuard<'_, Store<State>> {
        self.store.lock().await
    }

    /// How much memory it has taken so far, in bytes.
    pub async fn memory(&self) -> usize {
        self.enter().await.data().memory.taken
    }

    /// How many instructions it has run so far, as Wasmtime counts them. Its host has to be [`metered`].
    ///
    /// [`metered`]: crate::host::Host::metered
    pub async fn instructions(&self) -> u64 {
        FUEL - self.enter().await.get_fuel().expect("the host is metered")
    }

    /// How many resources of the host the instance holds now: open files and directories, locks.
    pub async fn resources(&self) -> usize {
        self.enter().await.data_mut().table.iter_mut().count()
    }
}

/// What a call answered. A trap fails the test: no input may cause one.
pub(crate) fn survived<T>(answer: wasmtime::Result<T>, caller: &Location<'_>) -> T {
    match answer {
        Ok(value) => value,
        Err(trap) => panic!("the component trapped in the call at {caller}: {trap:?}"),
    }
}
