//! One instance in the process.

use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::oneshot;
use wasmtime::Result;

use super::process::Process;
use crate::clock::Clock;

/// The timeout for ending an instance.
const END: Duration = Duration::from_secs(30);

/// An instance in the process. Dropping this ends it.
pub(super) struct Connection {
    process: Arc<Process>,
    number: u64,
    clock: Clock,
}

impl Connection {
    /// Connects to the instance with this number.
    pub(super) fn new(process: Arc<Process>, number: u64, clock: Clock) -> Self {
        Self { process, number, clock }
    }

    /// Sends a request for this instance; the receiver gets the response. A cancelled call is answered too.
    pub(super) fn send(&self, what: &str, request: Value) -> Result<oneshot::Receiver<Value>> {
        let (answered, answer) = oneshot::channel();
        self.send_to(what, request, |answer| drop(answered.send(answer)))?;
        Ok(answer)
    }

    fn send_to(&self, what: &str, mut request: Value, answered: impl FnOnce(Value) + Send + 'static) -> Result<()> {
        request["do"] = what.into();
        request["instance"] = self.number.into();
        request["now"] = self.clock.now().into();
        self.process.send(request, answered)
    }
}

impl Drop for Connection {
    /// Returns when the instance is dead and its locks are free, as when a local instance is dropped.
    fn drop(&mut self) {
        let (answered, answer) = mpsc::channel();
        let sent = self.send_to("end", json!({}), move |answer| drop(answered.send(answer)));
        // An error means that the process has ended, and with it all instances.
        let late = sent.is_ok() && answer.recv_timeout(END) == Err(RecvTimeoutError::Timeout);
        assert!(!late || thread::panicking(), "the host process did not end an instance within {END:?}");
    }
}
