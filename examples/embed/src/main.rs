//! Stores a session: `embed target/components/session_store.wasm DIRECTORY`

use session_runtime::bindings::FileBacked;
use session_runtime::bindings::exports::session3::sessions::session_store::{Contents, Durability, Options};
use session_runtime::{LockSpace, Locks, LocksCtx, LocksView};
use wasmtime::component::{Component, Linker, ResourceTable};
use wasmtime::error::Context;
use wasmtime::{Engine, Result, Store, format_err};
use wasmtime_wasi::{FsPerms, WasiCtx, WasiCtxView, WasiView};

struct Ctx {
    wasi: WasiCtx,
    locks: LocksCtx,
    table: ResourceTable,
}

impl WasiView for Ctx {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl LocksView for Ctx {
    fn locks(&mut self) -> Locks<'_> {
        Locks { ctx: &mut self.locks, table: &mut self.table }
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    // Once per process.
    let (component, dir) = std::env::args().nth(1).zip(std::env::args().nth(2)).context("embed COMPONENT DIRECTORY")?;
    let engine = Engine::default();
    let component = Component::from_file(&engine, &component).with_context(|| format!("cannot load {component}"))?;
    let mut linker = Linker::<Ctx>::new(&engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    session_runtime::add_to_linker(&mut linker)?;
    session_runtime::ignore_events(&mut linker)?;
    let locks = LockSpace::machine(format!("{dir}/session3.lock")).with_context(|| format!("cannot use {dir}"))?;

    // Once per instance, and in this order: see "The end of an instance".
    let locks = LocksCtx::new(&locks);
    let mut wasi = WasiCtx::builder();
    wasi.allow_blocking_current_thread(true).preopened_dir(&dir, "/", FsPerms::ReadWrite)?;
    let ctx = Ctx { wasi: wasi.build(), locks, table: ResourceTable::new() };
    let mut store = Store::new(&engine, ctx);
    let instance = FileBacked::instantiate_async(&mut store, &component, &linker).await?;
    let api = instance.session3_sessions_session_store().store();

    let options = Options { create: true, durability: Durability::Durable, size_limit: None, lock_wait: None };
    let sessions = api.call_open(&mut store, ".", options).await??;
    let mut contents = Contents { data: b"hello".into(), owner: None, idle_timeout: Some(1_800_000), deadline: None };
    let id = api.call_create_session(&mut store, sessions, None, &contents).await??.id;
    let loaded = api.call_load_session(&mut store, sessions, &id).await??.ok_or_else(|| format_err!("{id} is gone"))?;
    contents.data = [&loaded.data[..], b" again"].concat();
    let version = api.call_save_session(&mut store, sessions, &id, &contents, Some(loaded.info.version)).await??;
    println!("session {id} has version {version}: {}", contents.data.escape_ascii());
    sessions.resource_drop_async(&mut store).await
}
