//! The accept loop, and a graceful shutdown at a signal.

use super::connection;
use super::handler::Handler;
use super::signals::Signals;
use super::stream::Times;
use std::future::ready;
use std::io::{self, ErrorKind, Write};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tracing::{info, warn};
use wasmtime::Result;

/// More wait in the kernel's backlog.
pub const MAX_CONNECTIONS: usize = 1024;

/// Serve until a signal, then drain in-flight requests for at most `drain`.
pub async fn run(
    listener: TcpListener,
    handler: Arc<Handler>,
    times: Times,
    drain: Duration,
    mut signals: Signals,
) -> Result<()> {
    let (stop, stopping) = watch::channel(false);
    let connections = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let begin = |(tcp, permit): (TcpStream, OwnedSemaphorePermit)| {
        let (handler, stopping) = (handler.clone(), stopping.clone());
        tokio::spawn(async move {
            let (peer, local) = (tcp.peer_addr().ok(), tcp.local_addr().ok());
            connection::serve(tcp, times, stopping, |request| handler.clone().handle(request, peer, local)).await;
            drop(permit);
        });
    };
    announce(&format!("listening on http://{}/", listener.local_addr()?));
    let signal = loop {
        tokio::select! {
            accepted = accept(&listener, &connections) => begin(accepted),
            signal = signals.stop() => break signal,
        }
    };
    info!("{signal}: finishing in-flight requests");
    // To their clients, connections in the backlog are established.
    loop {
        tokio::select! {
            biased;
            accepted = accept(&listener, &connections) => begin(accepted),
            () = ready(()) => break,
        }
    }
    drop((listener, stopping));
    stop.send_replace(true);
    tokio::select! {
        () = async { stop.closed().await; handler.idle().await } => info!("stopped"),
        () = tokio::time::sleep(drain) => warn!("stopped with requests in flight: they timed out"),
        signal = signals.stop() => warn!("{signal} again: stopped with requests in flight"),
    }
    Ok(())
}

/// Print an address on standard output, for people and for programs that pass port 0. A closed pipe is ignored.
pub fn announce(line: &str) {
    let mut stdout = io::stdout().lock();
    let written = writeln!(stdout, "{line}").and_then(|()| stdout.flush());
    if let Err(error) = written
        && error.kind() != ErrorKind::BrokenPipe
    {
        warn!("cannot write to standard output: {line}: {error}");
    }
}

pub async fn accept(listener: &TcpListener, connections: &Arc<Semaphore>) -> (TcpStream, OwnedSemaphorePermit) {
    let permit = connections.clone().acquire_owned().await.expect("it is never closed");
    let mut logged = false;
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return (stream, permit),
            Err(error) if error.kind() == ErrorKind::ConnectionAborted => {}
            Err(error) => {
                // Most likely out of files; some will be closed soon.
                if !std::mem::replace(&mut logged, true) {
                    warn!("cannot accept a connection: {error}");
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}
