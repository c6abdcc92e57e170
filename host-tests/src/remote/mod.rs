//! Any host of the component, in any language, under the conformance suite: a process that makes instances of the
//! component and does with them what it is told.
//!
//! The suite runs as always, on a component that hands each call on to the process. A process reads requests from its
//! standard input and writes answers to its standard output, one line of JSON each. It serves the instances at once: a
//! call that waits for a lock holds up its own instance and no other. Answers may come in any order.
//!
//! | request, beside `id` and `instance` | what to do |
//! |---|---|
//! | `"do": "start"`, `directory` | make an instance; it sees the directory as `.` |
//! | `"do": "call"`, `now`, `interface`, `function`, `arguments` | call an exported function; the wall clock shows `now`, in milliseconds |
//! | `"do": "drop"`, `now`, `resource` | drop a resource |
//! | `"do": "end"` | end the instance, whatever it is doing; answer when nothing of it can happen any more and its locks are free |
//!
//! Functions have the names of the component model, such as `[method]store.load-session`; a method's resource is its first
//! argument. An answer has the request's `id` and either `ok`, the value or null, or `err`, the error of the contract, or
//! `trap`, what else went wrong, in words. How values are written, is said in `json.rs`.

mod json;
mod link;
mod process;
mod relay;

use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use session_runtime::{EventsCtx, LockSpace, LocksCtx};
use tempfile::TempDir;
use tokio::sync::oneshot;
use wasmtime::component::ResourceTable;
use wasmtime::{Config, Result};
use wasmtime_wasi::WasiCtx;

use crate::bindings::Linked;
use crate::clock::Clock;
use crate::events::Recorder;
use crate::harness::Harness;
use crate::host::{START, engine};
use crate::instance::{Instance, Memory, State};
use crate::server::private_directory;
use process::Process;

/// How long a process may take to end an instance.
const END: Duration = Duration::from_secs(30);

/// A process with the host under test. Clones are the same process.
#[derive(Clone)]
pub struct RemoteHost {
    process: Arc<Process>,
    instances: Arc<AtomicU64>,
}

/// A place of its own, and instances on it in the process.
pub struct Remote {
    host: RemoteHost,
    directory: TempDir,
    clock: Clock,
}

/// An instance in the process. It ends with this.
pub(crate) struct Connection {
    host: RemoteHost,
    number: u64,
    clock: Clock,
}

impl RemoteHost {
    /// Start the process.
    pub fn start(command: Command) -> Self {
        Self { process: Arc::new(Process::start(command)), instances: Arc::default() }
    }

    /// A fresh place.
    pub fn place(&self) -> Remote {
        Remote { host: self.clone(), directory: private_directory(), clock: Clock::at(START) }
    }
}

impl Harness for Remote {
    async fn instance(&self) -> Arc<Instance> {
        let number = self.host.instances.fetch_add(1, Ordering::Relaxed);
        let connection = Connection { host: self.host.clone(), number, clock: self.clock.clone() };
        let answer = connection.send("start", json!({ "directory": self.directory.path() })).unwrap();
        let answer = answer.await.expect("the host process lives");
        assert!(answer.get("ok").is_some(), "no instance: {answer}");
        let instance = Instance::new(linked(), state(connection)).await;
        // Each byte of data is a value of its own on its way.
        instance.enter().await.set_hostcall_fuel(usize::MAX);
        Arc::new(instance)
    }

    fn clock(&self) -> &Clock {
        &self.clock
    }
}

/// The relay, compiled once.
fn linked() -> &'static Linked {
    static LINKED: OnceLock<Linked> = OnceLock::new();
    LINKED.get_or_init(|| link::linked(&engine(&mut Config::new())).expect("the relay is linked"))
}

impl Connection {
    /// Send a request of this instance; the receiver gets the answer. A call that is given up is answered all the same.
    fn send(&self, what: &str, request: Value) -> Result<oneshot::Receiver<Value>> {
        let (answered, answer) = oneshot::channel();
        self.send_to(what, request, |answer| drop(answered.send(answer)))?;
        Ok(answer)
    }

    fn send_to(&self, what: &str, mut request: Value, answered: impl FnOnce(Value) + Send + 'static) -> Result<()> {
        request["do"] = what.into();
        request["instance"] = self.number.into();
        request["now"] = self.clock.now().into();
        self.host.process.send(request, answered)
    }
}

impl Drop for Connection {
    /// When this returns, the instance is dead and its locks are free, as with an instance of our own.
    fn drop(&mut self) {
        let (answered, answer) = mpsc::channel();
        let sent = self.send_to("end", json!({}), move |answer| drop(answered.send(answer)));
        // An error: the process is dead, and all its instances with it.
        let late = sent.is_ok() && answer.recv_timeout(END) == Err(RecvTimeoutError::Timeout);
        assert!(!late || thread::panicking(), "the host process does not end an instance");
    }
}

/// The data of the relay, which has nothing but the connection.
fn state(connection: Connection) -> State {
    State {
        wasi: WasiCtx::builder().build(),
        table: ResourceTable::new(),
        locks: LocksCtx::new(&LockSpace::process()),
        events: EventsCtx::new(Arc::new(Recorder::default())),
        refusal: None,
        memory: Memory::default(),
        remote: Some(connection),
    }
}
