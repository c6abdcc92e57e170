//! One connection, from its first byte to an end that the client can make out.

use super::course::{Course, End};
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
/// For one direction: what hyper keeps of a connection.
const BUFFER_BYTES: usize = MAX_HEAD_BYTES + (8 << 10);
/// What the kernel keeps of an answer and has not sent.
#[cfg(target_os = "linux")]
const UNSENT_BYTES: u32 = 64 << 10;

/// The longest that a client is listened to after the last word, and the longest that it is silent meanwhile.
const LINGER: Duration = Duration::from_secs(30);
const LINGER_SILENCE: Duration = Duration::from_secs(5);
/// The same when the server is to end.
const LINGER_AT_STOP: Duration = Duration::from_secs(1);

const TOO_SLOW: &[u8] = b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";

/// Whether the server is to end. The server waits until all copies are dropped.
pub type Stopping = watch::Receiver<bool>;

/// Serve a connection until its client or the server has had enough of it.
///
/// A request is answered when it has come in full, also when its client sends no more or is gone.
pub async fn serve<F>(tcp: TcpStream, times: Times, mut stopping: Stopping, answer: impl Fn(Request<Incoming>) -> F)
where
    F: Future<Output = Response<Body>>,
{
    let (tcp, course) = (Arc::new(tcp), Arc::new(Course::new()));
    if let Err(error) = prepare(&tcp, times.send) {
        debug!("cannot set up a connection: {error}");
    }
    let service = service_fn(|request| {
        let (in_flight, answered, stopping) = (course.begin(), answer(request), stopping.clone());
        async move {
            let mut answer = answered.await;
            if *stopping.borrow() {
                close_after(&mut answer);
            }
            Ok::<_, Infallible>(answer.map(|body| in_flight.until_end_of(body)))
        }
    });
    let stream = TokioIo::new(Stream::new(tcp.clone(), course.clone(), times));
    let mut http = http1::Builder::new();
    // The times are the stream's.
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
                // What has come and is not read yet is a request in flight: its answer ends the connection.
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
    match course.end() {
        Some(End::Sent) => linger(&tcp, &mut stopping).await,
        Some(End::HeadLate) => {
            // It has been sent nothing yet that could be in the way.
            if tcp.try_write(TOO_SLOW).is_ok() && shut(&tcp).is_ok() {
                linger(&tcp, &mut stopping).await;
            }
        }
        Some(End::AnswerLate) => reset(&tcp),
        // An answer that broke off, and may look whole to a client that takes the end of the connection for its end.
        None if ended.as_ref().is_err_and(hyper::Error::is_user) => reset(&tcp),
        None => {}
    }
}

async fn stopped(stopping: &mut Stopping) {
    let _ = stopping.wait_for(|stops| *stops).await;
}

/// The client is told that this is the last answer.
pub fn close_after(answer: &mut Response<Body>) {
    answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
}

#[cfg_attr(not(target_os = "linux"), expect(unused_variables, reason = "Linux has options for it"))]
fn prepare(tcp: &TcpStream, send: Duration) -> io::Result<()> {
    tcp.set_nodelay(true)?;
    #[cfg(target_os = "linux")]
    {
        let socket = SockRef::from(tcp);
        // For what is left to the kernel when the connection is over.
        socket.set_tcp_user_timeout(Some(send))?;
        socket.set_tcp_notsent_lowat(UNSENT_BYTES)?;
    }
    Ok(())
}

fn has_unread(tcp: &TcpStream) -> bool {
    SockRef::from(tcp).peek(&mut [MaybeUninit::uninit()]).is_ok_and(|length| length > 0)
}

/// Listen to a client that is still sending, and pay no attention: a connection that is closed while bytes arrive is
/// reset, and the answer lost on the way (RFC 9112, section 9.6).
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
    let mut ignored = vec![0; 16 << 10];
    while let Ok(Ok(())) = timeout(LINGER_SILENCE, tcp.readable()).await {
        match tcp.try_read(&mut ignored) {
            Ok(0) => return,
            Err(error) if error.kind() != ErrorKind::WouldBlock => return,
            _ => {}
        }
    }
}

/// Have the kernel forget what it has of an answer, and the client learn of it.
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

    /// How long a client is listened to that does this again and again.
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
    async fn who_goes_on_sending_is_listened_to_for_a_while() {
        async fn sends(client: &mut TcpStream) {
            client.write_all(b"more").await.unwrap();
            advance(Duration::from_secs(1)).await;
        }
        assert!((29..=31).contains(&listened(false, sends).await.as_secs()));
        assert!(listened(true, sends).await <= Duration::from_secs(2));
    }

    #[tokio::test]
    async fn who_is_silent_is_left() {
        let waits = async |_: &mut TcpStream| advance(Duration::from_secs(1)).await;
        assert!((5..=6).contains(&listened(false, waits).await.as_secs()));
    }

    #[tokio::test]
    async fn who_hangs_up_is_left_at_once() {
        let (server, client) = pair().await;
        let (_stop, mut stopping) = watch::channel(false);
        drop(client);
        timeout(Duration::from_secs(4), linger(&server, &mut stopping)).await.expect("nobody is there");
    }
}
