//! The imports of an instance in Spin: WASI with the mounted files, and requests.

use hyper::{Request, Response};
use wasmtime::component::{Component, Linker, ResourceTable};
use wasmtime::{Engine, Result};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::p2::bindings::ProxyPre;
use wasmtime_wasi_http::{RequestOptions, WasiBody, WasiHttpCtx, WasiHttpCtxView, WasiHttpHooks, WasiHttpView};

pub struct Guest {
    wasi: WasiCtx,
    http: WasiHttpCtx,
    hooks: NoOutgoingRequests,
    table: ResourceTable,
}

impl Guest {
    pub fn new(wasi: WasiCtx) -> Self {
        let (http, hooks, table) = (WasiHttpCtx::new(), NoOutgoingRequests, ResourceTable::new());
        Self { wasi, http, hooks, table }
    }
}

/// Compiles a composed component and links it to Spin's imports, without those of Spin's own.
pub fn link(composed: &[u8]) -> Result<ProxyPre<Guest>> {
    link_with(composed, |_| Ok(()))
}

/// Compiles a composed component and links it to Spin's imports.
pub fn link_with(composed: &[u8], add: impl FnOnce(&mut Linker<Guest>) -> Result<()>) -> Result<ProxyPre<Guest>> {
    let engine = Engine::default();
    let component = Component::new(&engine, composed)?;
    let mut linker = Linker::new(&engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker)?;
    add(&mut linker)?;
    ProxyPre::new(linker.instantiate_pre(&component)?)
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

/// No manifest allows hosts for HTTP.
struct NoOutgoingRequests;

type HttpResult<T> = std::result::Result<T, wasmtime_wasi_http::Error>;
type Done = Box<dyn Future<Output = HttpResult<()>> + Send>;
type Sent = Box<dyn Future<Output = HttpResult<(Response<WasiBody>, Done)>> + Send>;

impl WasiHttpHooks for NoOutgoingRequests {
    fn send_request(&mut self, _: Request<WasiBody>, _: Option<RequestOptions>, _: Done) -> Sent {
        Box::new(async { Err(wasmtime_wasi_http::Error::HttpRequestDenied) })
    }
}
