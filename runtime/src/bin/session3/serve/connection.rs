//! One connection, from its first byte to an end that the client can recognise.

use super::connection_state::{ConnectionState, End};
use super::response::Body;
use super::stream::{Stream, Times, shut};
use hyper::body::Incoming;
use hyper::header::{CONNECTION, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use socket2::SockRef;
use std::convert::Infallible;
use std::io::{self, ErrorKind};
use std::mem::MaybeUninit;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tracing::debug;

const MAX_HEAD_BYTES: usize = 64 << 10;
/// hyper's buffer, per direction.
const BUFFER_BYTES: usize = MAX_HEAD_BYTES + (8 << 10);
/// Unsent bytes of a response in the kernel's buffer.
#[cfg(target_os = "linux")]
const UNSENT_BYTES: u32 = 64 << 10;

/// How long a client's bytes are drained after the last response, and how long it may be silent meanwhile.
const LINGER: Duration = Duration::from_secs(30);
const LINGER_SILENCE: Duration = Duration::from_secs(5);
/// The same at shutdown.
const LINGER_AT_STOP: Duration = Duration::from_secs(1);

const TOO_SLOW: &[u8] = b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";

/// Whether the server is shutting down. It waits until all receivers are dropped.
pub type Stopping = watch::Receiver<bool>;

/// Serve a connection until its client or the server closes it.
///
/// A request that has arrived in full is served, even if its client sends no more or disconnects.
pub async fn serve<F>(tcp: TcpStream, times: Times, mut stopping: Stopping, respond: impl Fn(Request<Incoming>) -> F)
where
    F: Future<Output = Response<Body>>,
{
    let (tcp, state) = (Arc::new(tcp), Arc::new(ConnectionState::new()));
    if let Err(error) = prepare(&tcp, times.send) {
        debug!("cannot set up a connection: {error}");
    }
    let service = service_fn(|request| {
        let (in_flight, responded, stopping) = (state.begin(), respond(request), stopping.clone());
        async move {
            let mut response = responded.await;
            if *stopping.borrow() {
                close_after(&mut response);
            }
            Ok::<_, Infallible>(response.map(|body| in_flight.until_end_of(body)))
        }
    });
    let stream = TokioIo::new(Stream::new(tcp.clone(), state.clone(), times));
    let mut http = http1::Builder::new();
    // The stream has its own timeouts.
    http.half_close(true)
        .header_read_timeout(None::<Duration>)
        .max_header_size(MAX_HEAD_BYTES)
        .max_buf_size(BUFFER_BYTES);
    let ended = {
        let mut connection = pin!(http.serve_connection(stream, service));
        let mut stopping = stopping.clone();
        tokio::select! {
            ended = connection.as_mut() => ended,
            () = stopped(&mut stopping) => {
                // Bytes received but not read are an in-flight request: its response ends the connection.
                if !has_unread(&tcp) {
                    connection.as_mut().graceful_shutdown();
                }
                connection.await
            }
        }
    };
    if let Err(error) = &ended {
        debug!("a connection ended early: {error}");
    }
    match state.end() {
        Some(End::Sent) => linger(&tcp, &mut stopping).await,
        Some(End::HeadLate) => {
            // No response is partly sent, so this cannot corrupt one.
            if tcp.try_write(TOO_SLOW).is_ok() && shut(&tcp).is_ok() {
                linger(&tcp, &mut stopping).await;
            }
        }
        Some(End::ResponseLate) => reset(&tcp),
        // A truncated response, which may look complete to a client that reads until the connection closes.
        None if ended.as_ref().is_err_and(hyper::Error::is_user) => reset(&tcp),
        None => {}
    }
}

async fn stopped(stopping: &mut Stopping) {
    let _ = stopping.wait_for(|stops| *stops).await;
}

/// Mark a response as the last on its connection.
pub fn close_after(response: &mut Response<Body>) {
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
}

#[cfg_attr(not(target_os = "linux"), expect(unused_variables, reason = "Linux has options for it"))]
fn prepare(tcp: &TcpStream, send: Duration) -> io::Result<()> {
    tcp.set_nodelay(true)?;
    #[cfg(target_os = "linux")]
    {
        let socket = SockRef::from(tcp);
        // Bounds what the kernel still sends after the connection is closed.
        socket.set_tcp_user_timeout(Some(send))?;
        socket.set_tcp_notsent_lowat(UNSENT_BYTES)?;
    }
    Ok(())
}

fn has_unread(tcp: &TcpStream) -> bool {
    SockRef::from(tcp).peek(&mut [MaybeUninit::uninit()]).is_ok_and(|length| length > 0)
}

/// Read and discard what a client still sends: closing a connection while bytes arrive resets it, and the response may
/// be lost (RFC 9112, section 9.6).
async fn linger(tcp: &TcpStream, stopping: &mut Stopping) {
    let stop = async {
        stopped(stopping).await;
        sleep(LINGER_AT_STOP).await;
    };
    tokio::select! {
        _ = timeout(LINGER, drain(tcp)) => {}
        () = stop => {}
    }
}

async fn drain(tcp: &TcpStream) {
    let mut ignored = [0; 1 << 10];
    while let Ok(Ok(())) = timeout(LINGER_SILENCE, tcp.readable()).await {
        match tcp.try_read(&mut ignored) {
            Ok(0) => return,
            Err(error) if error.kind() != ErrorKind::WouldBlock => return,
            _ => {}
        }
    }
}

/// Make the kernel drop the unsent response and reset the connection when it is closed.
fn reset(tcp: &TcpStream) {
    if let Err(error) = SockRef::from(tcp).set_linger(Some(Duration::ZERO)) {
        debug!("cannot reset a connection: {error}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncWriteExt;
    use tokio::net::TcpListener;
    use tokio::time::{Instant, advance};

    async fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        (listener.accept().await.unwrap().0, client)
    }

    /// How long a client that does this repeatedly is drained.
    async fn listened(stopping: bool, again: impl AsyncFn(&mut TcpStream)) -> Duration {
        let (server, mut client) = pair().await;
        let (_stop, mut stopping) = watch::channel(stopping);
        tokio::time::pause();
        let start = Instant::now();
        {
            let mut lingering = pin!(linger(&server, &mut stopping));
            loop {
                tokio::select! {
                    biased;
                    () = lingering.as_mut() => break,
                    () = again(&mut client) => {}
                }
            }
        }
        let listened = start.elapsed();
        tokio::time::resume();
        listened
    }

    #[tokio::test]
    async fn a_client_that_keeps_sending_is_drained_for_a_while() {
        async fn sends(client: &mut TcpStream) {
            client.write_all(b"more").await.unwrap();
            advance(Duration::from_secs(1)).await;
        }
        assert!((29..=31).contains(&listened(false, sends).await.as_secs()));
        assert!(listened(true, sends).await <= Duration::from_secs(2));
    }

    #[tokio::test]
    async fn a_silent_client_is_left_early() {
        let waits = async |_: &mut TcpStream| advance(Duration::from_secs(1)).await;
        assert!((5..=6).contains(&listened(false, waits).await.as_secs()));
    }

    #[tokio::test]
    async fn a_disconnected_client_is_left_at_once() {
        let (server, client) = pair().await;
        let (_stop, mut stopping) = watch::channel(false);
        drop(client);
        timeout(Duration::from_secs(4), linger(&server, &mut stopping)).await.expect("the client is gone");
    }
}
