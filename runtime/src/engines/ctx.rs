use super::dynamic::SharedEngine;
use crate::events::{EventSink, NoSink};
use crate::locks::{LockSpace, LocksCtx, LocksCtxBuilder};
use session_core::store::Milliseconds;
use std::sync::Arc;
use std::time::Duration;
use wasmtime::component::ResourceTable;
use wasmtime_wasi::HostWallClock;

/// The stores of one instance: one per [`Store`](wasmtime::Store), inside the store's data.
///
/// Dropping it, with the resource table, releases all locks of the instance.
pub struct EngineCtx {
    pub(super) engine: SharedEngine,
    pub(super) locks: LocksCtx,
    pub(super) events: Arc<dyn EventSink>,
    pub(super) clock: Arc<dyn HostWallClock + Send + Sync>,
    pub(super) lease: Duration,
}

/// Builds an [`EngineCtx`].
pub struct EngineCtxBuilder {
    engine: SharedEngine,
    locks: LocksCtxBuilder,
    events: Arc<dyn EventSink>,
    clock: Arc<dyn HostWallClock + Send + Sync>,
    lease: Duration,
}

impl EngineCtxBuilder {
    /// Stores of this engine. Waiters for locks queue in this space, which all instances on the engine must share, and
    /// which needs no lock file.
    ///
    /// By default events are dropped, the clock is the system's, and a lock that is not renewed ends after 10 seconds.
    pub fn new(engine: &SharedEngine, locks: &LockSpace) -> Self {
        Self {
            engine: engine.clone(),
            locks: LocksCtxBuilder::new(locks),
            events: Arc::new(NoSink),
            clock: Arc::new(SystemClock),
            lease: Duration::from_secs(10),
        }
    }

    /// The limits of the instance's locks.
    pub fn locks(self, configure: impl FnOnce(LocksCtxBuilder) -> LocksCtxBuilder) -> Self {
        Self { locks: configure(self.locks), ..self }
    }

    /// The receiver of events.
    pub fn events(self, events: Arc<dyn EventSink>) -> Self {
        Self { events, ..self }
    }

    /// The clock that decides what has expired: the one that the instance has as `wasi:clocks/wall-clock`.
    pub fn wall_clock(self, clock: impl HostWallClock + Send + Sync + 'static) -> Self {
        Self { clock: Arc::new(clock), ..self }
    }

    /// How long a lock is held when the host that renews it dies, or cannot reach the server.
    pub fn lease(self, lease: Duration) -> Self {
        Self { lease, ..self }
    }

    /// Builds it.
    pub fn build(self) -> EngineCtx {
        let Self { engine, locks, events, clock, lease } = self;
        EngineCtx { engine, locks: locks.build(), events, clock, lease }
    }
}

impl EngineCtx {
    pub(super) fn now(&self) -> Milliseconds {
        self.clock.now().as_millis().try_into().unwrap_or(u64::MAX)
    }
}

struct SystemClock;

impl HostWallClock for SystemClock {
    fn resolution(&self) -> Duration {
        Duration::from_millis(1)
    }

    fn now(&self) -> Duration {
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default()
    }
}

/// A view for the host functions, borrowed from the data of a [`Store`](wasmtime::Store).
pub struct Engines<'a> {
    /// The instance's stores.
    pub ctx: &'a mut EngineCtx,
    /// The instance's resources, including open stores, guards and listings.
    pub table: &'a mut ResourceTable,
}

/// Access to the stores in the data of a [`Store`](wasmtime::Store).
pub trait EnginesView: Send {
    /// Borrow them.
    fn engines(&mut self) -> Engines<'_>;
}
