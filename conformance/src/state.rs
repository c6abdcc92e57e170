//! What an instance has of its host.

use std::sync::Arc;

use session_runtime::{EventSink, EventsCtx, EventsView, LockSpace, Locks, LocksCtx, LocksView};
use wasmtime::ResourceLimiter;
use wasmtime::component::ResourceTable;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

/// What an instance has of its host. Dropped with the instance, and its locks with it.
pub struct State {
    wasi: WasiCtx,
    table: ResourceTable,
    locks: LocksCtx,
    events: EventsCtx,
    memory: Memory,
}

impl State {
    /// An instance with this much of WASI, locks in this space, and events for this sink.
    pub fn new(wasi: WasiCtx, locks: &LockSpace, events: Arc<dyn EventSink>) -> Self {
        let memory = Memory { taken: 0, most: usize::MAX };
        Self { wasi, table: ResourceTable::new(), locks: LocksCtx::new(locks), events: EventsCtx::new(events), memory }
    }

    /// The same with at most this many bytes of memory.
    pub fn with_memory(self, most: usize) -> Self {
        Self { memory: Memory { taken: 0, most }, ..self }
    }

    /// How many bytes of memory the instance has taken so far.
    pub fn memory(&self) -> usize {
        self.memory.taken
    }

    /// How many resources of the host the instance holds now: open files and directories, locks.
    pub fn resources(&mut self) -> usize {
        self.table.iter_mut().count()
    }

    /// What counts the memory, for [`Store::limiter`](wasmtime::Store::limiter).
    pub(crate) fn limiter(&mut self) -> &mut dyn ResourceLimiter {
        &mut self.memory
    }
}

/// Counts the bytes of all memories of an instance, and bounds them. A memory never shrinks.
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

impl EventsView for State {
    fn events(&mut self) -> &mut EventsCtx {
        &mut self.events
    }
}
