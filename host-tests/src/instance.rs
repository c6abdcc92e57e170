//! One instance of a session component.

use std::panic::Location;

use session_runtime::{Locks, LocksCtx, LocksView};
use tokio::sync::{Mutex, MutexGuard};
use wasmtime::Store;
use wasmtime::component::ResourceTable;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

use crate::bindings::{FileBacked, FileBackedPre};

/// What an instance has of its host. Dropped with the instance, and its locks with it.
pub struct State {
    pub(crate) wasi: WasiCtx,
    pub(crate) table: ResourceTable,
    pub(crate) locks: LocksCtx,
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

/// One instance. Its calls go one after the other, as the component model demands.
pub struct Instance {
    store: Mutex<Store<State>>,
    exports: FileBacked,
}

impl Instance {
    pub(crate) async fn new(component: &FileBackedPre<State>, state: State) -> Self {
        let mut store = Store::new(component.engine(), state);
        let exports = component.instantiate_async(&mut store).await.expect("the component instantiates");
        Self { store: Mutex::new(store), exports }
    }

    /// The functions to call.
    pub fn exports(&self) -> &FileBacked {
        &self.exports
    }

    /// Wait for the call under way, then make one.
    pub async fn enter(&self) -> MutexGuard<'_, Store<State>> {
        self.store.lock().await
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
