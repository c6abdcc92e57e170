//! One request: an instance for it alone, a bounded time, and one answer whatever happens.

use crate::client_address;
use crate::guest::{Guest, Sandbox};
use crate::metrics::Metrics;
use crate::response::{self, Body, Outcome};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::{Body as _, Incoming};
use hyper::{Method, Request, Response, StatusCode};
use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::timeout;
use tracing::{error, info, warn};
use wasmtime::{Result, Store};
use wasmtime_wasi_http::WasiHttpView;
use wasmtime_wasi_http::p2::bindings::ProxyPre;
use wasmtime_wasi_http::p2::bindings::http::types::{ErrorCode, Scheme};
use wasmtime_wasi_http::p2::body::HyperOutgoingBody;

/// The longest that a request waits for others to end before it is run.
const QUEUE_TIMEOUT: Duration = Duration::from_secs(10);

/// What is served, and with which limits.
pub struct App {
    pub pre: ProxyPre<Guest>,
    pub sandbox: Sandbox,
    pub timeout: Duration,
    /// For a client to send the body of a request.
    pub client_timeout: Duration,
    /// Bytes.
    pub max_body: usize,
    /// Clients are behind a proxy, which says what their addresses are.
    pub trust_forwarded: bool,
}

pub struct Handler {
    app: Arc<App>,
    guests: Handle,
    slots: Arc<Semaphore>,
    max_instances: u32,
    metrics: Arc<Metrics>,
}

/// Why there is no answer of the component.
#[derive(Debug)]
enum Failure {
    NoHost,
    Incomplete,
    TooLong,
    TooSlow,
    Busy,
    TimedOut,
    Failed,
}

type Answer = Result<Response<HyperOutgoingBody>, ErrorCode>;

impl Handler {
    pub fn new(app: App, guests: Handle, max_instances: u32, metrics: Arc<Metrics>) -> Self {
        let slots = Arc::new(Semaphore::new(max_instances as usize));
        Self { app: Arc::new(app), guests, slots, max_instances, metrics }
    }

    /// Answer a request and log it, without its query and its header fields: secrets travel there.
    pub async fn handle(
        self: Arc<Self>,
        mut request: Request<Incoming>,
        peer: Option<IpAddr>,
    ) -> Result<Response<Body>, Infallible> {
        let start = Instant::now();
        client_address::tell(request.headers_mut(), peer, self.app.trust_forwarded);
        let name = RequestName::of(&request);
        let response = match self.respond(request, name.clone()).await {
            Ok(response) => response,
            Err(failure) => failure.response(),
        };
        let time = start.elapsed();
        self.metrics.request(response.status(), time);
        info!("{name} {} {:.1}ms", response.status().as_u16(), time.as_secs_f64() * 1e3);
        Ok(response)
    }

    /// Wait until no instance is running.
    pub async fn idle(&self) {
        let _all = self.slots.acquire_many(self.max_instances).await;
    }

    async fn respond(&self, request: Request<Incoming>, name: RequestName) -> Result<Response<Body>, Failure> {
        let request = self.whole(request).await?;
        let slot = self.slot().await?;
        let (sender, receiver) = oneshot::channel();
        let outcome = Outcome::default();
        let job = Job { app: self.app.clone(), name: name.clone(), outcome: outcome.clone(), _slot: slot };
        let task = self.guests.spawn(job.run(request, sender));
        match receiver.await {
            Ok(Ok(response)) => return Ok(response.map(|body| response::from_guest(body, outcome))),
            Ok(Err(code)) => error!("{name}: the component answered with an error: {code:?}"),
            // No answer. The task ends when the instance is gone, so whoever sees ours finds its locks free.
            Err(_) => match task.await {
                Ok(Err(failure)) => return Err(failure),
                Ok(Ok(())) => error!("{name}: the component ended without an answer"),
                Err(error) => error!("{name}: {error}"),
            },
        }
        Err(Failure::Failed)
    }

    /// The request with all of its body: there is no instance before, so a client that dawdles holds up nobody.
    async fn whole(&self, request: Request<Incoming>) -> Result<Request<Body>, Failure> {
        let App { client_timeout, max_body, .. } = *self.app;
        let (head, body) = request.into_parts();
        if body.size_hint().lower() > max_body as u64 {
            return Err(Failure::TooLong);
        }
        match timeout(client_timeout, Limited::new(body, max_body).collect()).await {
            Ok(Ok(body)) => Ok(Request::from_parts(head, body.map_err(|never| match never {}).boxed_unsync())),
            Ok(Err(error)) if error.is::<LengthLimitError>() => Err(Failure::TooLong),
            Ok(Err(_)) => Err(Failure::Incomplete),
            Err(_) => Err(Failure::TooSlow),
        }
    }

    async fn slot(&self) -> Result<OwnedSemaphorePermit, Failure> {
        match timeout(QUEUE_TIMEOUT, self.slots.clone().acquire_owned()).await {
            Ok(slot) => Ok(slot.expect("nobody closes it")),
            Err(_) => {
                warn!("{} instances are running, none ended in {QUEUE_TIMEOUT:?}", self.max_instances);
                Err(Failure::Busy)
            }
        }
    }
}

/// An instance for one request.
struct Job {
    app: Arc<App>,
    name: RequestName,
    outcome: Outcome,
    /// Free when the instance is gone.
    _slot: OwnedSemaphorePermit,
}

impl Job {
    /// Run the instance to its end. When this returns it is dropped.
    async fn run(self, request: Request<Body>, sender: oneshot::Sender<Answer>) -> Result<(), Failure> {
        let (app, name) = (&self.app, &self.name);
        let mut store = app.sandbox.store(app.pre.engine()).map_err(|error| {
            error!("{name}: cannot make an instance: {error:#}");
            Failure::Failed
        })?;
        let called = timeout(app.timeout, self.call(&mut store, request, sender)).await;
        let result = called.unwrap_or_else(|_| {
            warn!("{name}: timed out after {:?}", app.timeout);
            Err(Failure::TimedOut)
        });
        if result.is_err() {
            self.outcome.failed();
        }
        drop(store);
        result
    }

    async fn call(
        &self,
        store: &mut Store<Guest>,
        request: Request<Body>,
        sender: oneshot::Sender<Answer>,
    ) -> Result<(), Failure> {
        // One interruption for each tick: others have their turn, and the time-out is looked at.
        store.set_epoch_deadline(1);
        store.epoch_deadline_async_yield_and_update(1);
        let request = store.data_mut().http().new_incoming_request(Scheme::Http, request);
        let request = request.map_err(|_| Failure::NoHost)?;
        let called = async {
            let outparam = store.data_mut().http().new_response_outparam(sender)?;
            let proxy = self.app.pre.instantiate_async(&mut *store).await?;
            proxy.wasi_http_incoming_handler().call_handle(&mut *store, request, outparam).await
        };
        called.await.map_err(|error| {
            // With the guest's backtrace.
            error!("{}: the component failed: {error:?}", self.name);
            Failure::Failed
        })
    }
}

impl Failure {
    fn response(&self) -> Response<Body> {
        match self {
            Self::NoHost => response::plain(StatusCode::BAD_REQUEST, "The request has no usable Host field.\n"),
            Self::Incomplete => response::plain(StatusCode::BAD_REQUEST, "The request did not arrive in full.\n"),
            Self::TooLong => response::plain(StatusCode::PAYLOAD_TOO_LARGE, "The request is too long.\n"),
            Self::TooSlow => response::plain(StatusCode::REQUEST_TIMEOUT, "The request took too long to arrive.\n"),
            Self::Busy => response::plain(StatusCode::SERVICE_UNAVAILABLE, "The server is busy. Try again.\n"),
            Self::TimedOut => response::plain(StatusCode::GATEWAY_TIMEOUT, "The application took too long.\n"),
            Self::Failed => response::plain(StatusCode::INTERNAL_SERVER_ERROR, "The application failed.\n"),
        }
    }
}

/// A request in the log.
#[derive(Clone)]
struct RequestName {
    method: Method,
    path: String,
}

impl RequestName {
    fn of<B>(request: &Request<B>) -> Self {
        Self { method: request.method().clone(), path: request.uri().path().escape_debug().to_string() }
    }
}

impl std::fmt::Display for RequestName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.method, self.path)
    }
}
