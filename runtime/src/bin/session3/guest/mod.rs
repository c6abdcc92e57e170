//! One instance and its capabilities: the directory as `.` or a store on a server, locks, clocks, random bytes, our
//! standard error.
//! No network, no environment, no outgoing requests.

pub mod cache;
pub mod engine;
mod output;

use self::cache::Cache;
use self::output::GuestOutput;
use crate::components::compose::Sessions;
use crate::dir::Seen;
use crate::metrics::Metrics;
use crate::place::{Medium, Place};
use hyper::{Request, Response};
use session_runtime::engines::{EngineCtx, EngineCtxBuilder, Engines, EnginesView};
use session_runtime::events::NoSink;
use session_runtime::{EventLog, EventSink, EventsCtx, EventsView, Locks, LocksCtx, LocksCtxBuilder, LocksView};
use std::sync::Arc;
use wasmtime::component::{Linker, ResourceTable};
use wasmtime::error::Context;
use wasmtime::{Engine, ResourceLimiter, Result, Store};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{RequestOptions, WasiBody, WasiHttpCtx, WasiHttpCtxView, WasiHttpHooks, WasiHttpView};

/// Open files, streams and header maps, which may take 128 KiB each; a request needs a few dozen.
pub const MAX_RESOURCES: usize = 500;
/// Function pointers in all tables together.
const MAX_TABLE_ELEMENTS: usize = 200_000;

/// The data of a store.
pub struct Guest {
    wasi: WasiCtx,
    http: WasiHttpCtx,
    hooks: NoOutgoingRequests,
    table: ResourceTable,
    limits: Limits,
    events: EventsCtx,
    /// The directory with its sessions, as it was opened.
    directory: Option<Seen>,
    /// The host's own store, if the sessions are on a server.
    engine: Option<EngineCtx>,
    /// Last, because fields are dropped in this order: files are closed before the locks are released.
    locks: LocksCtx,
}

/// Creates guests that share a configuration.
#[derive(Clone)]
pub struct Sandbox {
    pub place: Place,
    /// Compiled components.
    pub cache: Cache,
    /// Bytes, all memories of the instance together.
    pub memory_limit: usize,
    /// At most `MAX_RESOURCES`.
    pub max_resources: usize,
    /// Instances that may wait for the same lock.
    pub max_waiters: usize,
    /// Counts events and lock waits. If present, they are logged as well.
    pub metrics: Option<Arc<Metrics>>,
    /// Shared by all instances of a server.
    pub log: EventLog,
}

impl Sandbox {
    pub fn store(&self, engine: &Engine) -> Result<Store<Guest>> {
        // Before the directory is opened: if it is replaced in between, this instance gets no locks.
        let locks = self.locks();
        let mut table = ResourceTable::new();
        table.set_max_capacity(self.max_resources);
        let (wasi, directory) = self.wasi()?;
        let guest = Guest {
            wasi,
            directory,
            http: WasiHttpCtx::new(),
            hooks: NoOutgoingRequests,
            table,
            limits: Limits { memory_left: self.memory_limit, table_elements_left: MAX_TABLE_ELEMENTS },
            events: EventsCtx::new(self.sink()),
            engine: self.engine(),
            locks,
        };
        let mut store = Store::new(engine, guest);
        store.limiter(|guest| &mut guest.limits);
        Ok(store)
    }

    fn sink(&self) -> Arc<dyn EventSink> {
        match &self.metrics {
            Some(metrics) => Arc::new((self.log.clone(), metrics.clone())),
            None => Arc::new(NoSink),
        }
    }

    fn locks(&self) -> LocksCtx {
        self.configure(LocksCtxBuilder::new(&self.place.locks)).build()
    }

    fn configure(&self, locks: LocksCtxBuilder) -> LocksCtxBuilder {
        let locks = locks.max_waiters(self.max_waiters);
        match self.metrics.clone() {
            Some(metrics) => locks.observe_waits(move |time| metrics.lock_wait(time)),
            None => locks,
        }
    }

    fn engine(&self) -> Option<EngineCtx> {
        let Medium::Engine(engine, _) = &self.place.medium else { return None };
        let ctx = EngineCtxBuilder::new(engine, &self.place.locks).events(self.sink());
        Some(ctx.locks(|locks| self.configure(locks)).build())
    }

    /// Whether a guest that was made earlier has the directory that a new one would have.
    pub fn is_current(&self, guest: &Guest) -> bool {
        match &self.place.medium {
            Medium::Directory(dir, _) => dir.recheck().is_ok_and(|seen| guest.directory == Some(seen)),
            Medium::Engine(..) => true,
        }
    }

    fn wasi(&self) -> Result<(WasiCtx, Option<Seen>)> {
        let mut directory = None;
        let mut wasi = WasiCtx::builder();
        // Before the directory, which copies the setting. Otherwise a write continues on another thread when its
        // instance is dropped, and could land after the instance's locks are released.
        wasi.allow_blocking_current_thread(true);
        if let Medium::Directory(dir, access) = &self.place.medium {
            // A reader may read another user's directory: see `dir::check_to_read`.
            if !access.write_not_permitted() {
                directory = Some(dir.recheck()?);
            }
            let dir = dir.path();
            wasi.preopened_dir(dir, ".", *access)
                .with_context(|| format!("cannot open the directory {}", dir.display()))?;
        }
        // Standard output is the command's; guests' output goes to the log.
        wasi.stdout(GuestOutput).stderr(GuestOutput);
        Ok((wasi.build(), directory))
    }
}

/// What an instance holds.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Holdings {
    pub locks: usize,
    resources: usize,
    memory_left: usize,
    table_elements_left: usize,
}

impl Guest {
    pub fn holdings(&mut self) -> Holdings {
        Holdings {
            locks: self.locks.held(),
            resources: self.table.iter_mut().count(),
            memory_left: self.limits.memory_left,
            table_elements_left: self.limits.table_elements_left,
        }
    }
}

/// All imports available to a guest, with this component for its sessions.
pub fn linker(engine: &Engine, sessions: Sessions) -> Result<Linker<Guest>> {
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker)?;
    session_runtime::add_to_linker(&mut linker)?;
    session_runtime::add_events_to_linker(&mut linker)?;
    if sessions == Sessions::OnHost {
        session_runtime::engines::add_to_linker(&mut linker)?;
    }
    Ok(linker)
}

impl WasiView for Guest {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl WasiHttpView for Guest {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { ctx: &mut self.http, table: &mut self.table, hooks: &mut self.hooks }
    }
}

impl LocksView for Guest {
    fn locks(&mut self) -> Locks<'_> {
        Locks { ctx: &mut self.locks, table: &mut self.table }
    }
}

impl EnginesView for Guest {
    fn engines(&mut self) -> Engines<'_> {
        let ctx = self.engine.as_mut().expect("only the component for an engine imports session-store");
        Engines { ctx, table: &mut self.table }
    }
}

impl EventsView for Guest {
    fn events(&mut self) -> &mut EventsCtx {
        &mut self.events
    }
}

/// The instance's remaining budget. `StoreLimits` would limit each memory separately, and a composed component has
/// several.
struct Limits {
    memory_left: usize,
    table_elements_left: usize,
}

impl ResourceLimiter for Limits {
    fn memory_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> Result<bool> {
        Ok(take(&mut self.memory_left, desired - current))
    }

    fn table_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> Result<bool> {
        Ok(take(&mut self.table_elements_left, desired - current))
    }
}

fn take(left: &mut usize, amount: usize) -> bool {
    left.checked_sub(amount).map(|rest| *left = rest).is_some()
}

struct NoOutgoingRequests;

type HttpResult<T> = std::result::Result<T, wasmtime_wasi_http::Error>;
type Done = Box<dyn Future<Output = HttpResult<()>> + Send>;
type Sent = Box<dyn Future<Output = HttpResult<(Response<WasiBody>, Done)>> + Send>;

/// Bytes of a response that a guest may write at once.
const RESPONSE_CHUNK: usize = 64 << 10;

impl WasiHttpHooks for NoOutgoingRequests {
    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        RESPONSE_CHUNK
    }

    fn send_request(&mut self, _: Request<WasiBody>, _: Option<RequestOptions>, _: Done) -> Sent {
        Box::new(async { Err(wasmtime_wasi_http::Error::HttpRequestDenied) })
    }
}
