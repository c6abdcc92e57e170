//! The stream of a connection, with timeouts for the next request, the rest of its head, and reading a response.
//! (The body's timeout is the handler's, which can still respond.)

use super::connection_state::{ConnectionState, End, Phase};
use nix::libc::ENOTCONN;
use socket2::SockRef;
use std::io::{self, ErrorKind, IoSlice};
use std::net::Shutdown;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep, sleep_until};

/// Bytes of a response, or its rest, that a client must read within the timeout: a byte now and then is not enough.
const SEND_WINDOW: usize = 64 << 10;

/// How long a connection waits for its client.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// For the next request.
    pub idle: Duration,
    /// For its head, from the first byte.
    pub head: Duration,
    /// To read a response.
    pub send: Duration,
}

pub struct Stream {
    tcp: Arc<TcpStream>,
    state: Arc<ConnectionState>,
    times: Times,
    receiving: Pin<Box<Sleep>>,
    /// Runs while the client does not read.
    sending: Option<Pin<Box<Sleep>>>,
    /// Bytes sent since it started.
    sent_bytes: usize,
}

impl Stream {
    pub fn new(tcp: Arc<TcpStream>, state: Arc<ConnectionState>, times: Times) -> Self {
        Self { tcp, state, times, receiving: Box::pin(sleep_until(Instant::now())), sending: None, sent_bytes: 0 }
    }

    /// Ready with the phase that has timed out.
    fn poll_late(&mut self, cx: &mut Context<'_>) -> Poll<Phase> {
        let (phase, since) = self.state.phase();
        let time = match phase {
            Phase::Idle => self.times.idle,
            Phase::Head => self.times.head,
            Phase::Request => return Poll::Pending,
        };
        // While the client is still reading the last response, only the send timeout runs.
        if self.sending.is_some() {
            return Poll::Pending;
        }
        if self.receiving.deadline() != since + time {
            self.receiving.as_mut().reset(since + time);
        }
        ready!(self.receiving.as_mut().poll(cx));
        Poll::Ready(phase)
    }

    fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        send: impl Fn(&TcpStream) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        while let Poll::Ready(ready) = self.tcp.poll_write_ready(cx) {
            ready?;
            match send(&self.tcp) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
                Ok(length) => {
                    self.sent(length);
                    return Poll::Ready(Ok(length));
                }
            }
        }
        let time = self.times.send;
        ready!(self.sending.get_or_insert_with(|| Box::pin(sleep(time))).as_mut().poll(cx));
        self.state.set_end(End::ResponseLate);
        Poll::Ready(Err(ErrorKind::TimedOut.into()))
    }

    fn sent(&mut self, length: usize) {
        self.state.sent();
        self.sent_bytes += length;
        if self.sent_bytes >= SEND_WINDOW {
            (self.sending, self.sent_bytes) = (None, 0);
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        while let Poll::Ready(ready) = self.tcp.poll_read_ready(cx) {
            ready?;
            match self.tcp.try_read_buf(buffer) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
                Ok(length) => {
                    if length > 0 {
                        self.state.received();
                    }
                    return Poll::Ready(Ok(()));
                }
            }
        }
        match ready!(self.poll_late(cx)) {
            // Like a client that disconnects, which hyper closes quietly.
            Phase::Idle => Poll::Ready(Ok(())),
            _ => {
                self.state.set_end(End::HeadLate);
                Poll::Ready(Err(ErrorKind::TimedOut.into()))
            }
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_send(cx, |tcp| tcp.try_write(bytes))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_send(cx, |tcp| tcp.try_write_vectored(slices))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    /// All pending bytes have been sent.
    fn poll_flush(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        (self.sending, self.sent_bytes) = (None, 0);
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.state.set_end(End::Sent);
        Poll::Ready(shut(&self.tcp))
    }
}

/// Shut down the sending half. The client may be gone.
pub fn shut(tcp: &TcpStream) -> io::Result<()> {
    match SockRef::from(tcp).shutdown(Shutdown::Write) {
        Err(error) if error.raw_os_error() == Some(ENOTCONN) => Ok(()),
        shut => shut,
    }
}
