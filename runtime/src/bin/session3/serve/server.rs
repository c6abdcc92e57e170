//! The accept loop: connections in, a graceful end at a signal.

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

/// More are left in the queue of the kernel.
pub const MAX_CONNECTIONS: usize = 1024;

/// Serve until a signal says stop, and then for as long as `last` until what is in flight is done.
pub async fn run(
    listener: TcpListener,
    handler: Arc<Handler>,
    times: Times,
    last: Duration,
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
    say(&format!("listening on http://{}/", listener.local_addr()?));
    let signal = loop {
        tokio::select! {
            accepted = accept(&listener, &connections) => begin(accepted),
            signal = signals.stop() => break signal,
        }
    };
    info!("{signal}: finishing the requests in flight");
    // Those in the queue of the kernel are connected, as far as their clients know.
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
        () = tokio::time::sleep(last) => warn!("stopped with requests in flight: they took too long"),
        signal = signals.stop() => warn!("{signal} again: stopped with requests in flight"),
    }
    Ok(())
}

/// For people, and for programs that start us with port 0. Nobody has to listen to us.
pub fn say(line: &str) {
    let mut stdout = io::stdout().lock();
    let said = writeln!(stdout, "{line}").and_then(|()| stdout.flush());
    if let Err(error) = said
        && error.kind() != ErrorKind::BrokenPipe
    {
        warn!("cannot write to standard output: {line}: {error}");
    }
}

pub async fn accept(listener: &TcpListener, connections: &Arc<Semaphore>) -> (TcpStream, OwnedSemaphorePermit) {
    let permit = connections.clone().acquire_owned().await.expect("nobody closes it");
    let mut told = false;
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return (stream, permit),
            Err(error) if error.kind() == ErrorKind::ConnectionAborted => {}
            Err(error) => {
                // Most likely there are no files left; some will be closed soon.
                if !std::mem::replace(&mut told, true) {
                    warn!("cannot accept a connection: {error}");
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}
