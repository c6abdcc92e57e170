//! The server's own responses, and the types shared with those of components.

use http_body_util::{BodyExt, Full, combinators::UnsyncBoxBody};
use hyper::body::Bytes;
use hyper::{Response, StatusCode, header};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use wasmtime_wasi_http::Error;

pub type Body = UnsyncBoxBody<Bytes, Error>;

/// Whether an instance failed, for a body that it may still have been writing.
#[derive(Clone, Default)]
pub struct Outcome(Arc<AtomicBool>);

impl Outcome {
    /// Must be called before the instance is dropped.
    pub fn failed(&self) {
        self.0.store(true, Ordering::Release);
    }

    pub fn is_failure(&self) -> bool {
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
