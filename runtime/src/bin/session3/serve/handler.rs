//! One request: an instance for it alone, a bounded time, and one answer whatever happens.

use super::answer::Answers;
use super::authority::{self, Names, Unusable};
use super::client_address;
use super::connection::close_after;
use super::response::{self, Body, Outcome};
use crate::guest::{Guest, Sandbox};
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
    pub body_timeout: Duration,
    /// Bytes.
    pub max_body: usize,
    /// By which it may be asked for.
    pub names: Names,
    /// Clients are behind a proxy, which says what their addresses are and what they asked for.
    pub trust_forwarded: bool,
}

pub struct Handler {
    app: Arc<App>,
    guests: Handle,
    slots: Arc<Semaphore>,
    max_instances: u32,
    answers: Answers,
    metrics: Arc<Metrics>,
}

/// Why there is no answer of the component.
#[derive(Debug)]
enum Failure {
    NoHost,
    OtherHost,
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
        Self { app: Arc::new(app), guests, slots, max_instances, answers: Answers::new(), metrics }
    }

    /// Answer a request and log it, without its query and its header fields: secrets travel there.
    ///
    /// `peer` and `local` are the ends of its connection.
    pub async fn handle(
        self: Arc<Self>,
        request: Request<Incoming>,
        peer: Option<SocketAddr>,
        local: Option<SocketAddr>,
    ) -> Response<Body> {
        let start = Instant::now();
        let name = RequestName::of(&request);
        let response = match self.respond(request, peer, local, &name).await {
            Ok(response) => response,
            Err(failure) => failure.response(),
        };
        let time = start.elapsed();
        self.metrics.request(response.status(), time);
        info!("{name} {} {:.1}ms", response.status().as_u16(), time.as_secs_f64() * 1e3);
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
        name: &RequestName,
    ) -> Result<Response<Body>, Failure> {
        let scheme = self.asked_for(&mut request, local)?;
        client_address::tell(request.headers_mut(), peer.map(|peer| peer.ip()), self.app.trust_forwarded);
        let request = self.whole(request).await?;
        let slot = self.slot().await?;
        let (sender, receiver) = oneshot::channel();
        let outcome = Outcome::default();
        let job = Job { app: self.app.clone(), name: name.clone(), outcome: outcome.clone(), _slot: slot };
        // From here it runs to its end, whatever becomes of the client.
        let task = self.guests.spawn(job.run(scheme, request, sender));
        match receiver.await {
            Ok(Ok(response)) => return Ok(response.map(|body| self.answers.take(body, outcome))),
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

    /// The scheme of a request. Its authority is the one `Host` field then.
    fn asked_for(&self, request: &mut Request<Incoming>, local: Option<SocketAddr>) -> Result<Scheme, Failure> {
        let App { names, trust_forwarded, .. } = &*self.app;
        let asked = authority::of(request, local, *trust_forwarded);
        let (scheme, authority) = asked.map_err(|Unusable| Failure::NoHost)?;
        if !names.admit(&authority, local) {
            return Err(Failure::OtherHost);
        }
        request.headers_mut().insert(HOST, authority::field(&authority));
        // A target goes before the field, and may say otherwise.
        let path = request.uri().path_and_query().cloned();
        *request.uri_mut() = path.map(Uri::from).unwrap_or_default();
        Ok(scheme)
    }

    /// The request with all of its body: there is no instance before, so a client that dawdles holds up nobody, and one
    /// that hangs up has asked for nothing.
    async fn whole(&self, request: Request<Incoming>) -> Result<Request<Body>, Failure> {
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
    async fn run(self, scheme: Scheme, request: Request<Body>, sender: oneshot::Sender<Answer>) -> Result<(), Failure> {
        let (app, name) = (&self.app, &self.name);
        let mut store = app.sandbox.store(app.pre.engine()).map_err(|error| {
            error!("{name}: cannot make an instance: {error:#}");
            Failure::Failed
        })?;
        let called = timeout(app.timeout, self.call(&mut store, scheme, request, sender)).await;
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
        scheme: Scheme,
        request: Request<Body>,
        sender: oneshot::Sender<Answer>,
    ) -> Result<(), Failure> {
        // One interruption for each tick: others have their turn, and the time-out is looked at.
        store.set_epoch_deadline(1);
        store.epoch_deadline_async_yield_and_update(1);
        let called = async {
            let request = store.data_mut().http().new_incoming_request(scheme, request)?;
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
        let (status, text) = match self {
            Self::NoHost => (StatusCode::BAD_REQUEST, "The request has no usable Host field.\n"),
            Self::OtherHost => (
                StatusCode::MISDIRECTED_REQUEST,
                "This server does not go by the name in the Host field. Its option --host NAME allows one.\n",
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

    /// Whether there may be more of the request, which nobody reads.
    fn is_early(&self) -> bool {
        match self {
            Self::NoHost | Self::OtherHost | Self::Incomplete | Self::TooLong | Self::TooSlow => true,
            Self::Busy | Self::TimedOut | Self::Failed => false,
        }
    }
}

/// Of a path in the log, in columns.
const LONGEST_PATH: usize = 1000;

/// A request in the log.
#[derive(Clone)]
struct RequestName {
    method: Method,
    path: String,
}

impl RequestName {
    fn of<B>(request: &Request<B>) -> Self {
        Self {
            method: request.method().clone(),
            path: Shown::new(request.uri().path()).at_most(LONGEST_PATH).to_string(),
        }
    }
}

impl std::fmt::Display for RequestName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.method, self.path)
    }
}
