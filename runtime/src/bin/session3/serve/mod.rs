//! The commands `demo` and `serve`: from a component to a running server.

mod arenas;
pub mod authority;
mod client_address;
mod collector;
mod connection;
mod connection_state;
mod endpoint;
mod handler;
mod instances;
mod job;
mod response;
mod response_buffer;
mod server;
mod signals;
mod stream;
mod syncs;

use self::authority::Names;
use self::collector::Collector;
use self::handler::{App, Handler};
use self::instances::Instances;
use self::server::MAX_CONNECTIONS;
use self::signals::Signals;
use self::stream::Times;
use crate::cli::ServerArgs;
use crate::components::compose;
use crate::components::embedded::WEB_DEMO;
use crate::guest::cache::Cache;
use crate::guest::{self, MAX_RESOURCES, Sandbox, engine};
use crate::metrics::Metrics;
use crate::place::Place;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use session_runtime::EventLog;
use std::borrow::Cow;
use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tracing::{debug, info, warn};
use wasmtime::component::Component;
use wasmtime::error::Context;
use wasmtime::{Engine, Result, bail};
use wasmtime_wasi_http::p2::bindings::ProxyPre;

/// How long aborted work may delay the exit of the process.
const ABORT_WAIT: Duration = Duration::from_secs(1);
/// How much longer than the request timeout the server drains at shutdown: for queued requests, and for clients.
const DRAIN: Duration = Duration::from_secs(15);
/// Files open besides those of connections and instances: the component, the lock file, the runtimes' own, those of the
/// collector and of metrics connections.
const OWN_FILES: usize = 64 + endpoint::MAX_CONNECTIONS;
/// The fewest that an instance can work with.
const MIN_RESOURCES: usize = 64;

pub fn demo(options: &ServerArgs) -> Result<ExitCode> {
    if !options.listen.ip().is_loopback() {
        warn!(
            "other machines can reach the demo on {}; it is not for production, and its cookies travel in plain text",
            options.listen
        );
    }
    // A trusted proxy checks the name itself.
    let names = if options.trust_forwarded { names(options) } else { Names::only(&options.host) };
    serve("the web demo", WEB_DEMO.into(), names, options)
}

pub fn serve_file(path: &Path, options: &ServerArgs) -> Result<ExitCode> {
    let name = path.display().to_string();
    let app = fs::read(path).with_context(|| format!("cannot read {name}"))?;
    serve(&name, app.into(), names(options), options)
}

fn names(options: &ServerArgs) -> Names {
    if options.host.is_empty() { Names::any() } else { Names::only(&options.host) }
}

fn serve(name: &str, app: Cow<'static, [u8]>, names: Names, options: &ServerArgs) -> Result<ExitCode> {
    arenas::share();
    let io = Builder::new_multi_thread().enable_all().thread_name("server").build()?;
    let signals = io.block_on(async { Signals::new() })?;
    let guests = guest_runtime()?;
    // Before compiling, which takes a while: what may fail early.
    let metrics = Arc::new(Metrics::new());
    let sandbox = sandbox(options, &metrics)?;
    io.block_on(sandbox.place.check())?;
    let listener = io
        .block_on(TcpListener::bind(options.listen))
        .with_context(|| format!("cannot listen on {} (choose another address with --listen)", options.listen))?;
    let measured = options.metrics.map(|address| io.block_on(endpoint::bind(address))).transpose()?;
    let pre = prepare(&app, &sandbox, options).with_context(|| format!("cannot serve {name}"))?;
    info!("serving {name}, sessions in {}", sandbox.place.name());
    let timeout = Duration::from_secs(options.timeout);
    if let Some(listener) = measured {
        server::announce(&format!("metrics on http://{}/metrics", listener.local_addr()?));
        io.spawn(endpoint::serve(listener, metrics.clone()));
    }
    let collecting = guests.spawn(collect(Collector::new(sandbox.clone(), metrics.clone()), options.clone()));
    let app = App {
        instances: Instances::new(pre, options.reuse),
        sandbox,
        timeout,
        body_timeout: Duration::from_secs(options.body_timeout),
        max_body: options.max_body,
        names,
        trust_forwarded: options.trust_forwarded,
    };
    let handler = Arc::new(Handler::new(app, guests.handle().clone(), options.max_instances, metrics));
    let served = io.block_on(server::run(listener, handler, times(options), timeout + DRAIN, signals));
    collecting.abort();
    io.shutdown_timeout(ABORT_WAIT);
    guests.shutdown_timeout(ABORT_WAIT);
    served.map(|()| ExitCode::SUCCESS)
}

fn times(options: &ServerArgs) -> Times {
    let [idle, head, send] =
        [options.idle_timeout, options.head_timeout, options.send_timeout].map(Duration::from_secs);
    Times { idle, head, send }
}

async fn collect(mut collector: Collector, options: ServerArgs) {
    if options.metrics.is_some() {
        collector.count().await;
    }
    if options.gc_interval > 0 {
        collector.run(Duration::from_secs(options.gc_interval)).await;
    }
}

/// For guests that compute for long, and the collector, which works on many files: connections stay responsive.
fn guest_runtime() -> Result<Runtime> {
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    let runtime =
        Builder::new_multi_thread().enable_all().worker_threads((2 * cores).max(4)).thread_name("guests").build()?;
    Ok(runtime)
}

fn sandbox(options: &ServerArgs, metrics: &Arc<Metrics>) -> Result<Sandbox> {
    let instances = options.max_instances as usize;
    Ok(Sandbox {
        place: Place::to_serve(&options.location, options.scope)?,
        cache: Cache::new(&options.location.cache)?,
        memory_limit: options.memory_limit,
        max_resources: max_resources(raise_file_limit(), instances),
        // Many requests of one session must not have all instances wait for its lock.
        max_waiters: instances / 2,
        metrics: Some(metrics.clone()),
        log: EventLog::default(),
    })
}

/// An instance's share of the file limit, so that it cannot exhaust the files of others.
fn max_resources(file_limit: usize, instances: usize) -> usize {
    let share = file_limit.saturating_sub(MAX_CONNECTIONS + OWN_FILES) / instances;
    if share < MIN_RESOURCES {
        warn!(
            "{file_limit} open files are too few for {instances} instances; raise `ulimit -n` or lower --max-instances"
        );
    }
    share.clamp(MIN_RESOURCES, MAX_RESOURCES)
}

/// Compile the component and do all of its instantiation that does not depend on the request.
fn prepare(app: &[u8], sandbox: &Sandbox, options: &ServerArgs) -> Result<ProxyPre<guest::Guest>> {
    check_is_component(app)?;
    let start = Instant::now();
    let sessions = sandbox.place.sessions;
    let engine = engine::for_server(options.max_instances, options.memory_limit)?;
    let build = || Ok(compose::with_sessions(app, sessions)?.map_or(app.into(), Cow::from));
    let component = sandbox.cache.component(&engine, &[app, &sessions.component()?], build)?;
    check_handles_http(&engine, &component)?;
    let mut linker = guest::linker(&engine, sessions)?;
    syncs::add_to_linker(&mut linker)?;
    let pre = ProxyPre::new(linker.instantiate_pre(&component)?)?;
    debug!("ready in {:?}", start.elapsed());
    Ok(pre)
}

fn check_is_component(app: &[u8]) -> Result<()> {
    match app.get(..8) {
        Some(b"\0asm\x0d\0\x01\0") => Ok(()),
        Some(b"\0asm\x01\0\0\0") => bail!("it is a core module, not a component; build it for wasm32-wasip2"),
        _ => bail!("it is not a WebAssembly component"),
    }
}

fn check_handles_http(engine: &Engine, component: &Component) -> Result<()> {
    let ty = component.component_type();
    let handles_http = ty.exports(engine).any(|(name, _)| name.starts_with("wasi:http/incoming-handler@0.2."));
    if !handles_http {
        bail!("it does not export wasi:http/incoming-handler@0.2, so it cannot serve requests");
    }
    Ok(())
}

/// A connection is one file and an instance a few; the usual limit of 1024 is for programs that use `select`. Returns
/// the new limit.
fn raise_file_limit() -> usize {
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else { return 0 };
    let raised = setrlimit(Resource::RLIMIT_NOFILE, hard, hard);
    if let Err(error) = &raised {
        debug!("the limit of {soft} open files stays: {error}");
    }
    usize::try_from(if raised.is_ok() { hard } else { soft }).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_of_the_file_limit() {
        for (files, instances, share) in
            [(20_000, 100, 188), (2048, 10, 94), (1024, 100, 64), (0, 1, 64), (4096, 1, 500), (usize::MAX, 1000, 500)]
        {
            assert_eq!(max_resources(files, instances), share, "{files} files, {instances} instances");
        }
    }
}
