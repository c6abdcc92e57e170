//! The state of a connection: what it waits for and since when, and why it ends.

use super::response::Body;
use http_body_util::BodyExt;
use hyper::body::{Bytes, Frame, SizeHint};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use tokio::time::Instant;
use wasmtime_wasi_http::Error;

/// What a connection waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// The first byte of a request.
    Idle,
    /// The rest of its head.
    Head,
    /// Its body, the application, and the client to read the response.
    Request,
}

/// Why a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Everything was sent, and nothing follows.
    Sent,
    /// The head of a request timed out.
    HeadLate,
    /// The client did not read a response in time.
    ResponseLate,
}

/// Shared by a connection's stream and its requests.
pub struct ConnectionState(Mutex<Inner>);

struct Inner {
    phase: Phase,
    since: Instant,
    end: Option<End>,
}

impl ConnectionState {
    pub fn new() -> Self {
        Self(Mutex::new(Inner { phase: Phase::Idle, since: Instant::now(), end: None }))
    }

    pub fn phase(&self) -> (Phase, Instant) {
        let state = self.lock();
        (state.phase, state.since)
    }

    /// Record received bytes.
    pub fn received(&self) {
        let mut state = self.lock();
        if state.phase == Phase::Idle {
            state.enter(Phase::Head);
        }
    }

    /// Record sent bytes: the rest of a response may be sent after its request has ended.
    pub fn sent(&self) {
        let mut state = self.lock();
        if state.phase == Phase::Idle {
            state.since = Instant::now();
        }
    }

    /// Begin a request, whose head is complete. It ends when the guard is dropped.
    pub fn begin(self: &Arc<Self>) -> InFlight {
        self.lock().enter(Phase::Request);
        InFlight(self.clone())
    }

    pub fn end(&self) -> Option<End> {
        self.lock().end
    }

    /// Record why the connection ends; the first reason counts.
    pub fn set_end(&self, end: End) {
        self.lock().end.get_or_insert(end);
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn enter(&mut self, phase: Phase) {
        (self.phase, self.since) = (phase, Instant::now());
    }
}

/// An in-flight request.
pub struct InFlight(Arc<ConnectionState>);

impl InFlight {
    /// Tie its end to the end of the response body.
    pub fn until_end_of(self, body: Body) -> Body {
        TrackedBody { body, _in_flight: self }.boxed_unsync()
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.lock().enter(Phase::Idle);
    }
}

struct TrackedBody {
    body: Body,
    _in_flight: InFlight,
}

impl hyper::body::Body for TrackedBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
