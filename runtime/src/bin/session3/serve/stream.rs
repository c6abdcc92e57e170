//! The bytes of a connection, each kind in its time: the next request, the rest of its head, an answer that is taken.
//! (The time of a body is the handler's: it has an answer for those who exceed it.)

use super::course::{Course, End, Phase};
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

/// A client has its time to take so much of an answer, or the rest of it: who takes a byte now and then is not waited for.
const TAKEN: usize = 64 << 10;

/// How long a connection waits for its client.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// For the next request.
    pub idle: Duration,
    /// For its head, from the first byte.
    pub head: Duration,
    /// To take an answer.
    pub send: Duration,
}

pub struct Stream {
    tcp: Arc<TcpStream>,
    course: Arc<Course>,
    times: Times,
    receiving: Pin<Box<Sleep>>,
    /// Runs when the client takes nothing.
    sending: Option<Pin<Box<Sleep>>>,
    /// Bytes, since it runs.
    taken: usize,
}

impl Stream {
    pub fn new(tcp: Arc<TcpStream>, course: Arc<Course>, times: Times) -> Self {
        Self { tcp, course, times, receiving: Box::pin(sleep_until(Instant::now())), sending: None, taken: 0 }
    }

    /// What the client is late with.
    fn poll_late(&mut self, cx: &mut Context<'_>) -> Poll<Phase> {
        let (phase, since) = self.course.phase();
        let time = match phase {
            Phase::Idle => self.times.idle,
            Phase::Head => self.times.head,
            Phase::Request => return Poll::Pending,
        };
        // A client that has not taken the last answer yet is late with that.
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
        self.course.ends(End::AnswerLate);
        Poll::Ready(Err(ErrorKind::TimedOut.into()))
    }

    fn sent(&mut self, length: usize) {
        self.course.sent();
        self.taken += length;
        if self.taken >= TAKEN {
            (self.sending, self.taken) = (None, 0);
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
                        self.course.received();
                    }
                    return Poll::Ready(Ok(()));
                }
            }
        }
        match ready!(self.poll_late(cx)) {
            // As if the client had hung up, which hyper closes quietly.
            Phase::Idle => Poll::Ready(Ok(())),
            _ => {
                self.course.ends(End::HeadLate);
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

    /// All that there was has been taken.
    fn poll_flush(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        (self.sending, self.taken) = (None, 0);
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.course.ends(End::Sent);
        Poll::Ready(shut(&self.tcp))
    }
}

/// Say that nothing follows. The client may be gone.
pub fn shut(tcp: &TcpStream) -> io::Result<()> {
    match SockRef::from(tcp).shutdown(Shutdown::Write) {
        Err(error) if error.raw_os_error() == Some(ENOTCONN) => Ok(()),
        shut => shut,
    }
}
