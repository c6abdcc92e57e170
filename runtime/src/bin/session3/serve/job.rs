//! The work for one request: an instance that writes a response, and what buffers it for the client.
//!
//! A job begins on the thread of its connection, and most end there at once, without a hand-over to another. One that
//! computes for longer continues on the guests' runtime, so that connections stay responsive.

use super::handler::{App, Failure, RequestLine};
use super::instances::Instance;
use super::response::{Answer, Body};
use super::response_buffer::Relay;
use crate::guest::Guest;
use hyper::Request;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tokio::time::timeout;
use tracing::{error, warn};
use wasmtime::{Store, UpdateDeadline};
use wasmtime_wasi_http::WasiHttpView;
use wasmtime_wasi_http::p2::bindings::http::types::Scheme;
use wasmtime_wasi_http::p2::body::HyperOutgoingBody;

/// An instance for one request.
pub struct Job {
    pub app: Arc<App>,
    pub name: RequestLine,
    pub relay: Relay,
    /// Released after the instance is dropped or kept.
    pub slot: OwnedSemaphorePermit,
}

/// Whether a job has computed for a tick.
#[derive(Clone, Default)]
struct IsLong(Arc<AtomicBool>);

impl Job {
    /// Run to completion, here or on the guests' runtime. When this returns, the instance is dropped or kept for another
    /// request; it is dropped, and its locks are free, before a failure without a response is known.
    pub async fn run(
        self,
        scheme: Scheme,
        request: Request<Body>,
        connection: oneshot::Sender<Answer<Body>>,
        guests: Handle,
    ) -> Result<(), Failure> {
        let is_long = IsLong::default();
        let mut job = Box::pin(self.respond(scheme, request, connection, is_long.clone()));
        let ended = poll_fn(|cx| match job.as_mut().poll(cx) {
            Poll::Ready(result) => Poll::Ready(Some(result)),
            Poll::Pending if is_long.get() => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        });
        match ended.await {
            Some(result) => result,
            None => guests.spawn(job).await.unwrap_or_else(|error| {
                error!("an instance ended: {error}");
                Err(Failure::Failed)
            }),
        }
    }

    async fn respond(
        self,
        scheme: Scheme,
        request: Request<Body>,
        connection: oneshot::Sender<Answer<Body>>,
        is_long: IsLong,
    ) -> Result<(), Failure> {
        let Self { app, name, relay, slot } = self;
        let mut instance = app.instances.take(&app.sandbox).map_err(|error| {
            error!("{name}: cannot create an instance: {error:#}");
            Failure::Failed
        })?;
        is_long.watch(&mut instance.store);
        let (out, responded) = oneshot::channel();
        let mut relayed = pin!(relay.run(responded, connection));
        let (called, is_relayed) = {
            let call = timeout(app.timeout, call(&app, &mut instance, scheme, request, out));
            alternate(call, relayed.as_mut(), &relay).await
        };
        let result = match called {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => {
                // With the guest's backtrace.
                error!("{name}: the component failed: {error:?}");
                Err(Failure::Failed)
            }
            Err(_) => {
                warn!("{name}: timed out after {:?}", app.timeout);
                Err(Failure::TimedOut)
            }
        };
        if result.is_err() {
            relay.fail();
        }
        if result.is_ok() && relay.moved() > 0 {
            app.instances.put(instance);
        } else {
            drop(instance);
        }
        drop(slot);
        if !is_relayed {
            relayed.await;
        }
        result
    }
}

async fn call(
    app: &App,
    instance: &mut Instance,
    scheme: Scheme,
    request: Request<Body>,
    out: oneshot::Sender<Answer<HyperOutgoingBody>>,
) -> wasmtime::Result<()> {
    let (proxy, store) = instance.exports(&app.instances).await?;
    let request = store.data_mut().http().new_incoming_request(scheme, request)?;
    let out = store.data_mut().http().new_response_outparam(out)?;
    proxy.wasi_http_incoming_handler().call_handle(&mut *store, request, out).await
}

/// Polls a call and the relay of its response in turn until neither makes progress. So an ordinary response is complete
/// when its connection's task runs, and is sent at once. Returns the result and whether the relay has ended as well.
async fn alternate<T>(
    call: impl Future<Output = T>,
    mut relayed: Pin<&mut impl Future<Output = ()>>,
    relay: &Relay,
) -> (T, bool) {
    let mut call = pin!(call);
    let mut is_relayed = false;
    let turn = |cx: &mut Context<'_>| loop {
        let called = call.as_mut().poll(cx);
        let before = relay.moved();
        is_relayed = is_relayed || relayed.as_mut().poll(cx).is_ready();
        match called {
            Poll::Ready(result) => return Poll::Ready((result, is_relayed)),
            Poll::Pending if relay.moved() == before => return Poll::Pending,
            Poll::Pending => {}
        }
    };
    poll_fn(turn).await
}

impl IsLong {
    /// Yield at each tick, so that others run and the timeout is checked.
    fn watch(&self, store: &mut Store<Guest>) {
        let is_long = self.clone();
        // For a tick at least: the next one may be due.
        store.set_epoch_deadline(2);
        store.epoch_deadline_callback(move |_| {
            is_long.0.store(true, Ordering::Relaxed);
            Ok(UpdateDeadline::Yield(1))
        });
    }

    fn get(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
