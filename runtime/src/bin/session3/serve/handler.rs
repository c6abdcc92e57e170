//! One request: read in full, then an instance that serves no other meanwhile, and exactly one response.

use super::authority::{self, Names, Unusable};
use super::client_address;
use super::connection::close_after;
use super::instances::Instances;
use super::job::Job;
use super::response::{self, Body};
use super::response_buffer::ResponseBuffers;
use crate::guest::Sandbox;
use crate::metrics::Metrics;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::{Body as _, Incoming};
use hyper::header::HOST;
use hyper::{Method, Request, Response, StatusCode, Uri};
use session_runtime::Shown;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::timeout;
use tracing::{debug, error, warn};
use wasmtime::Result;
use wasmtime_wasi_http::p2::bindings::http::types::Scheme;

/// The longest that a request waits for a free instance.
const QUEUE_TIMEOUT: Duration = Duration::from_secs(10);

/// The application and its limits.
pub struct App {
    pub instances: Instances,
    pub sandbox: Sandbox,
    pub timeout: Duration,
    /// For a client to send the body of a request.
    pub body_timeout: Duration,
    /// Bytes.
    pub max_body: usize,
    /// The host names it is served under.
    pub names: Names,
    /// Whether a proxy in front sets the client's address, the scheme and the host.
    pub trust_forwarded: bool,
}

pub struct Handler {
    app: Arc<App>,
    guests: Handle,
    slots: Arc<Semaphore>,
    max_instances: u32,
    buffers: ResponseBuffers,
    metrics: Arc<Metrics>,
}

/// Why the component gave no response.
#[derive(Debug)]
pub enum Failure {
    NoHost,
    OtherHost,
    Incomplete,
    TooLong,
    TooSlow,
    Busy,
    TimedOut,
    Failed,
}

impl Handler {
    pub fn new(app: App, guests: Handle, max_instances: u32, metrics: Arc<Metrics>) -> Self {
        let slots = Arc::new(Semaphore::new(max_instances as usize));
        Self { app: Arc::new(app), guests, slots, max_instances, buffers: ResponseBuffers::new(), metrics }
    }

    /// Serve a request and log it at level debug, without its query and header fields, which carry secrets.
    ///
    /// `peer` and `local` are the endpoints of its connection.
    pub async fn handle(
        self: Arc<Self>,
        request: Request<Incoming>,
        peer: Option<SocketAddr>,
        local: Option<SocketAddr>,
    ) -> Response<Body> {
        let start = Instant::now();
        let name = RequestLine::of(&request);
        let response = match self.respond(request, peer, local, &name).await {
            Ok(response) => response,
            Err(failure) => failure.response(),
        };
        let time = start.elapsed();
        self.metrics.request(response.status(), time);
        debug!("{name} {} {:.1}ms", response.status().as_u16(), time.as_secs_f64() * 1e3);
        response
    }

    /// Wait until no instance is running.
    pub async fn idle(&self) {
        let _all = self.slots.acquire_many(self.max_instances).await;
    }

    async fn respond(
        &self,
        mut request: Request<Incoming>,
        peer: Option<SocketAddr>,
        local: Option<SocketAddr>,
        name: &RequestLine,
    ) -> Result<Response<Body>, Failure> {
        let scheme = self.resolve_target(&mut request, local)?;
        client_address::set(request.headers_mut(), peer.map(|peer| peer.ip()), self.app.trust_forwarded);
        let request = self.read_body(request).await?;
        let slot = self.slot().await?;
        let (connection, answered) = oneshot::channel();
        let job = Job { app: self.app.clone(), name: name.clone(), relay: self.buffers.relay(), slot };
        // From here it runs to completion, even if the client disconnects.
        let task = tokio::spawn(job.run(scheme, request, connection, self.guests.clone()));
        match answered.await {
            Ok(Ok(response)) => return Ok(response),
            Ok(Err(code)) => error!("{name}: the component responded with an error: {code:?}"),
            // No response. The task ends after the instance is dropped, so a client that sees ours finds its locks
            // free.
            Err(_) => match task.await {
                Ok(Err(failure)) => return Err(failure),
                Ok(Ok(())) => error!("{name}: the component ended without a response"),
                Err(error) => error!("{name}: {error}"),
            },
        }
        Err(Failure::Failed)
    }

    /// The scheme of a request. Its authority becomes the single `Host` field.
    fn resolve_target(&self, request: &mut Request<Incoming>, local: Option<SocketAddr>) -> Result<Scheme, Failure> {
        let App { names, trust_forwarded, .. } = &*self.app;
        let target = authority::of(request, local, *trust_forwarded);
        let (scheme, authority) = target.map_err(|Unusable| Failure::NoHost)?;
        if !names.admit(&authority, local) {
            return Err(Failure::OtherHost);
        }
        request.headers_mut().insert(HOST, authority::field(&authority));
        // A target in absolute form would take precedence over the field.
        let path = request.uri().path_and_query().cloned();
        *request.uri_mut() = path.map(Uri::from).unwrap_or_default();
        Ok(scheme)
    }

    /// Read the whole body before there is an instance, so that a slow client holds none, and a client that disconnects
    /// early has no effect.
    async fn read_body(&self, request: Request<Incoming>) -> Result<Request<Body>, Failure> {
        let App { body_timeout, max_body, .. } = *self.app;
        let (head, body) = request.into_parts();
        if body.size_hint().lower() > max_body as u64 {
            return Err(Failure::TooLong);
        }
        match timeout(body_timeout, Limited::new(body, max_body).collect()).await {
            Ok(Ok(body)) => Ok(Request::from_parts(head, body.map_err(|never| match never {}).boxed_unsync())),
            Ok(Err(error)) if error.is::<LengthLimitError>() => Err(Failure::TooLong),
            Ok(Err(_)) => Err(Failure::Incomplete),
            Err(_) => Err(Failure::TooSlow),
        }
    }

    async fn slot(&self) -> Result<OwnedSemaphorePermit, Failure> {
        match timeout(QUEUE_TIMEOUT, self.slots.clone().acquire_owned()).await {
            Ok(slot) => Ok(slot.expect("it is never closed")),
            Err(_) => {
                warn!("all {} instances are busy: none ended in {QUEUE_TIMEOUT:?}", self.max_instances);
                Err(Failure::Busy)
            }
        }
    }
}

impl Failure {
    fn response(&self) -> Response<Body> {
        let (status, text) = match self {
            Self::NoHost => (StatusCode::BAD_REQUEST, "The request has no usable Host field.\n"),
            Self::OtherHost => (
                StatusCode::MISDIRECTED_REQUEST,
                "This server does not serve the name in the Host field. Its option --host NAME allows one.\n",
            ),
            Self::Incomplete => (StatusCode::BAD_REQUEST, "The request did not arrive in full.\n"),
            Self::TooLong => (StatusCode::PAYLOAD_TOO_LARGE, "The request is too long.\n"),
            Self::TooSlow => (StatusCode::REQUEST_TIMEOUT, "The request took too long to arrive.\n"),
            Self::Busy => (StatusCode::SERVICE_UNAVAILABLE, "The server is busy. Try again.\n"),
            Self::TimedOut => (StatusCode::GATEWAY_TIMEOUT, "The application took too long.\n"),
            Self::Failed => (StatusCode::INTERNAL_SERVER_ERROR, "The application failed.\n"),
        };
        let mut response = response::plain(status, text);
        if self.is_early() {
            close_after(&mut response);
        }
        response
    }

    /// Whether unread parts of the request may follow.
    fn is_early(&self) -> bool {
        match self {
            Self::NoHost | Self::OtherHost | Self::Incomplete | Self::TooLong | Self::TooSlow => true,
            Self::Busy | Self::TimedOut | Self::Failed => false,
        }
    }
}

/// The columns of a path in the log.
const LONGEST_PATH: usize = 1000;

/// Method and path of a request, for the log.
#[derive(Clone)]
pub struct RequestLine {
    method: Method,
    uri: Uri,
}

impl RequestLine {
    fn of<B>(request: &Request<B>) -> Self {
        Self { method: request.method().clone(), uri: request.uri().clone() }
    }
}

impl std::fmt::Display for RequestLine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.method, Shown::new(self.uri.path()).at_most(LONGEST_PATH))
    }
}
