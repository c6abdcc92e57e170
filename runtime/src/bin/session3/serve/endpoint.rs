//! The metrics endpoint for Prometheus: a separate address, so that clients of the application need not reach it.

use super::connection::{self, close_after};
use super::response::{self, Body};
use super::server;
use super::stream::Times;
use crate::metrics::Metrics;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{self, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use std::future::ready;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tracing::{error, warn};
use wasmtime::Result;
use wasmtime::error::Context;

/// More wait in the kernel's backlog.
pub const MAX_CONNECTIONS: usize = 16;
/// For the only request of a connection.
const TIME: Duration = Duration::from_secs(10);
const FORMAT: HeaderValue = HeaderValue::from_static(prometheus::TEXT_FORMAT);

pub async fn bind(address: SocketAddr) -> Result<TcpListener> {
    if !address.ip().is_loopback() {
        warn!(
            "other machines can read the metrics on {address} without a password; they name no session, user or address"
        );
    }
    TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen on {address} (choose another address with --metrics)"))
}

/// Serve for ever.
pub async fn serve(listener: TcpListener, metrics: Arc<Metrics>) {
    let connections = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let times = Times { idle: TIME, head: TIME, send: TIME };
    // The server does not wait for them at shutdown.
    let (_stop, stopping) = watch::channel(false);
    loop {
        let (tcp, permit) = server::accept(&listener, &connections).await;
        let (metrics, stopping) = (metrics.clone(), stopping.clone());
        tokio::spawn(async move {
            let respond = |request| {
                let mut response = respond(&request, &metrics);
                close_after(&mut response);
                ready(response)
            };
            connection::serve(tcp, times, stopping, respond).await;
            drop(permit);
        });
    }
}

fn respond(request: &Request<Incoming>, metrics: &Metrics) -> Response<Body> {
    if request.uri().path() != "/metrics" {
        return response::plain(StatusCode::NOT_FOUND, "The metrics are at /metrics.\n");
    }
    // hyper omits the body of a response to HEAD.
    if ![Method::GET, Method::HEAD].contains(request.method()) {
        let mut refusal = response::plain(StatusCode::METHOD_NOT_ALLOWED, "Use GET.\n");
        refusal.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
        return refusal;
    }
    match metrics.text() {
        Ok(text) => {
            let mut page = response::plain(StatusCode::OK, "");
            page.headers_mut().insert(header::CONTENT_TYPE, FORMAT);
            page.map(|_| Full::from(text).map_err(|never| match never {}).boxed_unsync())
        }
        Err(error) => {
            error!("cannot encode the metrics: {error}");
            response::plain(StatusCode::INTERNAL_SERVER_ERROR, "Cannot encode the metrics.\n")
        }
    }
}
