//! Where a connection is: what it waits for and since when, and why it ends.

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
    /// Its body, the application, and the client to take the answer.
    Request,
}

/// What has ended a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// All that was to be sent is sent, and nothing follows it.
    Sent,
    /// The head of a request did not come in time.
    HeadLate,
    /// The client did not take an answer in time.
    AnswerLate,
}

/// Shared by a connection's bytes and its requests.
pub struct Course(Mutex<State>);

struct State {
    phase: Phase,
    since: Instant,
    end: Option<End>,
}

impl Course {
    pub fn new() -> Self {
        Self(Mutex::new(State { phase: Phase::Idle, since: Instant::now(), end: None }))
    }

    pub fn phase(&self) -> (Phase, Instant) {
        let state = self.state();
        (state.phase, state.since)
    }

    /// Bytes have come.
    pub fn received(&self) {
        let mut state = self.state();
        if state.phase == Phase::Idle {
            state.enter(Phase::Head);
        }
    }

    /// Bytes have gone: what is left of an answer may go when its request is over.
    pub fn sent(&self) {
        let mut state = self.state();
        if state.phase == Phase::Idle {
            state.since = Instant::now();
        }
    }

    /// The head of a request is here. It is over when what this returns is dropped.
    pub fn begin(self: &Arc<Self>) -> InFlight {
        self.state().enter(Phase::Request);
        InFlight(self.clone())
    }

    pub fn end(&self) -> Option<End> {
        self.state().end
    }

    pub fn ends(&self, end: End) {
        self.state().end.get_or_insert(end);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn enter(&mut self, phase: Phase) {
        (self.phase, self.since) = (phase, Instant::now());
    }
}

/// A request that is not over.
pub struct InFlight(Arc<Course>);

impl InFlight {
    /// It is over with the end of its answer.
    pub fn until_end_of(self, body: Body) -> Body {
        Answer { body, _in_flight: self }.boxed_unsync()
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.state().enter(Phase::Idle);
    }
}

struct Answer {
    body: Body,
    _in_flight: InFlight,
}

impl hyper::body::Body for Answer {
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
