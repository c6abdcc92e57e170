//! Response bodies: the component's, and our own when it has none.

use http_body_util::{BodyExt, Full, combinators::UnsyncBoxBody};
use hyper::body::{Bytes, Frame, SizeHint};
use hyper::{Response, StatusCode, header};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use wasmtime_wasi_http::Error;
use wasmtime_wasi_http::p2::body::HyperOutgoingBody;

pub type Body = UnsyncBoxBody<Bytes, Error>;

/// How an instance ended, for the body that it may still have been writing.
#[derive(Clone, Default)]
pub struct Outcome(Arc<AtomicBool>);

impl Outcome {
    /// To be called before the instance is dropped.
    pub fn failed(&self) {
        self.0.store(true, Ordering::Release);
    }

    fn is_failure(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

pub fn plain(status: StatusCode, text: &'static str) -> Response<Body> {
    let body = Full::from(text).map_err(|never| match never {}).boxed_unsync();
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let fields = response.headers_mut();
    fields.insert(header::CONTENT_TYPE, header::HeaderValue::from_static("text/plain; charset=utf-8"));
    fields.insert(header::CACHE_CONTROL, header::HeaderValue::from_static("no-store"));
    if status == StatusCode::SERVICE_UNAVAILABLE {
        fields.insert(header::RETRY_AFTER, header::HeaderValue::from_static("1"));
    }
    response
}

/// The body that a component writes. When the component dies over it, the client must not take what it got for the
/// whole: Wasmtime's body would end as if it were complete.
pub fn from_guest(body: HyperOutgoingBody, outcome: Outcome) -> Body {
    GuestBody { body, outcome }.boxed_unsync()
}

struct GuestBody {
    body: HyperOutgoingBody,
    outcome: Outcome,
}

impl hyper::body::Body for GuestBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        if frame.is_none() && self.outcome.is_failure() {
            return Poll::Ready(Some(Err(Error::HttpResponseIncomplete)));
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
