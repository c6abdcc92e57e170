//! The host state of an instance.

use std::sync::Arc;

use session_runtime::engines::{EngineCtx, Engines, EnginesView};
use session_runtime::{EventSink, EventsCtx, EventsView, LockSpace, Locks, LocksCtx, LocksView};
use wasmtime::ResourceLimiter;
use wasmtime::component::ResourceTable;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

/// The host state of an instance. Dropping the instance drops it, and releases its locks.
pub struct State {
    wasi: WasiCtx,
    table: ResourceTable,
    locks: LocksCtx,
    events: EventsCtx,
    engine: Option<EngineCtx>,
    memory: Memory,
}

impl State {
    /// Creates the state of an instance with this WASI context, locks in this space, and events for this sink.
    pub fn new(wasi: WasiCtx, locks: &LockSpace, events: Arc<dyn EventSink>) -> Self {
        let memory = Memory { taken: 0, most: usize::MAX };
        let (locks, events) = (LocksCtx::new(locks), EventsCtx::new(events));
        Self { wasi, table: ResourceTable::new(), locks, events, engine: None, memory }
    }

    /// Gives the instance a `session-store` of the host, if its component imports one.
    pub fn with_engine(self, engine: EngineCtx) -> Self {
        Self { engine: Some(engine), ..self }
    }

    /// Limits the instance to this many bytes of memory.
    pub fn with_memory(self, most: usize) -> Self {
        Self { memory: Memory { taken: 0, most }, ..self }
    }

    /// The size of the instance's memories in bytes.
    pub fn memory(&self) -> usize {
        self.memory.taken
    }

    /// The number of host resources held: open files and directories, locks.
    pub fn resources(&mut self) -> usize {
        self.table.iter_mut().count()
    }

    /// Counts the memory, for [`Store::limiter`](wasmtime::Store::limiter).
    pub(crate) fn limiter(&mut self) -> &mut dyn ResourceLimiter {
        &mut self.memory
    }
}

/// Counts and bounds the bytes of all memories of an instance. A memory never shrinks.
struct Memory {
    taken: usize,
    most: usize,
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

impl EnginesView for State {
    fn engines(&mut self) -> Engines<'_> {
        let ctx = self.engine.as_mut().expect("a component that imports session-store has an engine");
        Engines { ctx, table: &mut self.table }
    }
}

impl EventsView for State {
    fn events(&mut self) -> &mut EventsCtx {
        &mut self.events
    }
}
