//! The accept loop: connections in, a graceful end on SIGTERM and SIGINT.

use crate::handler::Handler;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use nix::libc::SIGXFSZ;
use std::io::{self, ErrorKind, Write};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tracing::{debug, info, warn};
use wasmtime::Result;

/// More are left in the queue of the kernel.
pub const MAX_CONNECTIONS: usize = 1024;
const MAX_HEAD_BYTES: usize = 64 * 1024;
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(10);

/// Serve until a signal says stop. A client has so much time to send the head of a request, so also between two
/// requests, and to take what it is sent.
pub async fn run(listener: TcpListener, handler: Arc<Handler>, client_timeout: Duration) -> Result<()> {
    let mut stop = Stop::new()?;
    // Being heard, it does not end the process: a limit on the size of files fails the call that exceeds it.
    let _file_too_large = signal(SignalKind::from_raw(SIGXFSZ))?;
    let graceful = GracefulShutdown::new();
    let connections = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    say(&format!("listening on http://{}/", listener.local_addr()?))?;
    loop {
        tokio::select! {
            (stream, permit) = accept(&listener, &connections) => {
                tokio::spawn(serve_connection(stream, handler.clone(), client_timeout, graceful.watcher(), permit));
            }
            signal = stop.requested() => {
                info!("{signal}: finishing the requests in flight");
                break;
            }
        }
    }
    drop(listener);
    tokio::select! {
        () = async { graceful.shutdown().await; handler.idle().await } => info!("stopped"),
        () = tokio::time::sleep(SHUTDOWN_TIMEOUT) => warn!("stopped with requests in flight: they took too long"),
        signal = stop.requested() => warn!("{signal} again: stopped with requests in flight"),
    }
    Ok(())
}

/// For people, and for programs that start us with port 0.
pub fn say(line: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    let said = writeln!(stdout, "{line}").and_then(|()| stdout.flush());
    // Nobody has to listen to us.
    said.or_else(|error| if error.kind() == ErrorKind::BrokenPipe { Ok(()) } else { Err(error) })
}

pub async fn accept(listener: &TcpListener, connections: &Arc<Semaphore>) -> (TcpStream, OwnedSemaphorePermit) {
    let permit = connections.clone().acquire_owned().await.expect("nobody closes it");
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return (stream, permit),
            Err(error) if error.kind() == ErrorKind::ConnectionAborted => {}
            Err(error) => {
                // Most likely there are no files left; some will be closed soon.
                warn!("cannot accept a connection: {error}");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn serve_connection(
    stream: TcpStream,
    handler: Arc<Handler>,
    client_timeout: Duration,
    watcher: Watcher,
    _permit: OwnedSemaphorePermit,
) {
    if let Err(error) = prepare(&stream, client_timeout) {
        debug!("cannot set up a connection: {error}");
    }
    let peer = stream.peer_addr().ok().map(|address| address.ip());
    let service = service_fn(move |request| handler.clone().handle(request, peer));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(client_timeout)
        .max_header_size(MAX_HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), service);
    if let Err(error) = watcher.watch(connection).await {
        debug!("a connection ended early: {error}");
    }
}

#[cfg_attr(not(target_os = "linux"), expect(unused_variables, reason = "Linux has a time-out for it"))]
fn prepare(stream: &TcpStream, send_timeout: Duration) -> io::Result<()> {
    stream.set_nodelay(true)?;
    #[cfg(target_os = "linux")]
    socket2::SockRef::from(stream).set_tcp_user_timeout(Some(send_timeout))?;
    Ok(())
}

/// The signals that end a server.
struct Stop {
    interrupt: Signal,
    terminate: Signal,
}

impl Stop {
    fn new() -> io::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn requested(&mut self) -> &'static str {
        tokio::select! {
            _ = self.interrupt.recv() => "SIGINT",
            _ = self.terminate.recv() => "SIGTERM",
        }
    }
}
