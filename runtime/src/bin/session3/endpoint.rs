//! Where Prometheus asks for the metrics: an address of its own, so that who reaches the application need not reach it.

use crate::metrics::Metrics;
use crate::response::{self, Body};
use crate::server;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{self, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tracing::{debug, error, warn};
use wasmtime::Result;
use wasmtime::error::Context;

/// More are left in the queue of the kernel.
pub const MAX_CONNECTIONS: usize = 16;
/// For a connection, from its beginning to its end: one request.
const CONNECTION_TIME: Duration = Duration::from_secs(10);
const FORMAT: HeaderValue = HeaderValue::from_static(prometheus::TEXT_FORMAT);

pub async fn bind(address: SocketAddr) -> Result<TcpListener> {
    if !address.ip().is_loopback() {
        warn!("other machines can read the metrics on {address}; they name nobody, and nobody is asked for a password");
    }
    TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen on {address} (choose another address with --metrics)"))
}

/// Answer for ever.
pub async fn serve(listener: TcpListener, metrics: Arc<Metrics>) {
    let connections = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let (stream, permit) = server::accept(&listener, &connections).await;
        let metrics = metrics.clone();
        tokio::spawn(async move {
            if timeout(CONNECTION_TIME, serve_connection(stream, metrics)).await.is_err() {
                debug!("a connection for metrics took too long");
            }
            drop(permit);
        });
    }
}

async fn serve_connection(stream: TcpStream, metrics: Arc<Metrics>) {
    let service = service_fn(move |request| std::future::ready(Ok::<_, Infallible>(answer(&request, &metrics))));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service);
    if let Err(error) = connection.await {
        debug!("a connection for metrics ended early: {error}");
    }
}

fn answer(request: &Request<Incoming>, metrics: &Metrics) -> Response<Body> {
    if request.uri().path() != "/metrics" {
        return response::plain(StatusCode::NOT_FOUND, "The metrics are at /metrics.\n");
    }
    if request.method() != Method::GET {
        let mut refusal = response::plain(StatusCode::METHOD_NOT_ALLOWED, "Use GET.\n");
        refusal.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET"));
        return refusal;
    }
    match metrics.text() {
        Ok(text) => {
            let mut answer = response::plain(StatusCode::OK, "");
            answer.headers_mut().insert(header::CONTENT_TYPE, FORMAT);
            answer.map(|_| Full::from(text).map_err(|never| match never {}).boxed_unsync())
        }
        Err(error) => {
            error!("the metrics cannot be written: {error}");
            response::plain(StatusCode::INTERNAL_SERVER_ERROR, "The metrics cannot be written.\n")
        }
    }
}
