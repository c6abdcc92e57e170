//! What an instance has in Spin: WASI with the mounted files, and requests. Locks as well, for as long as the dependency
//! asks for them; Spin itself has none.

use hyper::{Request, Response};
use session_runtime::{LockSpace, Locks, LocksCtx, LocksView};
use wasmtime::component::{Component, Linker, ResourceTable};
use wasmtime::{Engine, Result};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::p2::bindings::ProxyPre;
use wasmtime_wasi_http::{RequestOptions, WasiBody, WasiHttpCtx, WasiHttpCtxView, WasiHttpHooks, WasiHttpView};

pub const LOCKS: &str = "session3:sessions/advisory-locks@0.1.0";

pub struct Guest {
    wasi: WasiCtx,
    http: WasiHttpCtx,
    hooks: NoOutgoingRequests,
    table: ResourceTable,
    /// Last, so that what is open is closed before the locks are free.
    locks: LocksCtx,
}

impl Guest {
    pub fn new(wasi: WasiCtx, locks: &LockSpace) -> Self {
        let (http, hooks, table) = (WasiHttpCtx::new(), NoOutgoingRequests, ResourceTable::new());
        Self { wasi, http, hooks, table, locks: LocksCtx::new(locks) }
    }
}

/// Compile a composed component and link it to what Spin has.
pub fn link(composed: &[u8]) -> Result<ProxyPre<Guest>> {
    let engine = Engine::default();
    let component = Component::new(&engine, composed)?;
    let mut linker = Linker::new(&engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker)?;
    if has_import(&component, LOCKS) {
        session_runtime::add_to_linker(&mut linker)?;
    }
    ProxyPre::new(linker.instantiate_pre(&component)?)
}

fn has_import(component: &Component, name: &str) -> bool {
    component.component_type().get_import(component.engine(), name).is_some()
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

/// The manifest names no `allowed_outbound_hosts`.
struct NoOutgoingRequests;

type HttpResult<T> = std::result::Result<T, wasmtime_wasi_http::Error>;
type Done = Box<dyn Future<Output = HttpResult<()>> + Send>;
type Sent = Box<dyn Future<Output = HttpResult<(Response<WasiBody>, Done)>> + Send>;

impl WasiHttpHooks for NoOutgoingRequests {
    fn send_request(&mut self, _: Request<WasiBody>, _: Option<RequestOptions>, _: Done) -> Sent {
        Box::new(async { Err(wasmtime_wasi_http::Error::HttpRequestDenied) })
    }
}
