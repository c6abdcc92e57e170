//! Runs the conformance suite on a host in any language: a process that instantiates the component and calls it on
//! request.
//!
//! The suite runs on a relay component that forwards each call to the process. The process reads requests from standard
//! input and writes responses to standard output, one line of JSON each. It serves instances concurrently: a call that
//! waits for a lock blocks only its own instance. Responses may come in any order.
//!
//! | request, besides `id` and `instance` | action |
//! |---|---|
//! | `"do": "start"`, `directory` | create an instance with the directory preopened as `.` |
//! | `"do": "call"`, `now`, `interface`, `function`, `arguments` | call an exported function; the wall clock shows `now`, in milliseconds |
//! | `"do": "drop"`, `now`, `resource` | drop a resource |
//! | `"do": "end"` | end the instance, even during a call; respond when it has no further effect and its locks are free |
//!
//! Functions have their component model names, such as `[method]store.load-session`; the first argument of a method is
//! its resource. A response has the `id` of the request, and `ok` (the value or null), `err` (an error of the contract)
//! or `trap` (the message of any other failure). `json.rs` defines the encoding of values.

mod connection;
mod json;
mod link;
mod process;
mod relay;

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::json;
use session_runtime::LockSpace;
use session_runtime::events::NoSink;
use tempfile::TempDir;
use wasmtime_wasi::WasiCtx;

use self::connection::Connection;
use self::process::Process;
use crate::clock::{Clock, START};
use crate::harness::Harness;
use crate::instance::Instance;
use crate::state::State;

/// A process with the host under test. Clones share the process.
#[derive(Clone)]
pub struct RemoteHost {
    process: Arc<Process>,
    instances: Arc<AtomicU64>,
}

/// A directory, and instances on it in the process.
pub struct Remote {
    host: RemoteHost,
    directory: TempDir,
    clock: Clock,
}

impl RemoteHost {
    /// Starts the process.
    pub fn start(command: Command) -> Self {
        Self { process: Arc::new(Process::start(command)), instances: Arc::default() }
    }

    /// Creates a harness on a fresh directory, accessible to its owner only: hosts may refuse any other.
    pub fn place(&self) -> Remote {
        let directory = tempfile::Builder::new().permissions(Permissions::from_mode(0o700)).tempdir().unwrap();
        Remote { host: self.clone(), directory, clock: Clock::at(START) }
    }
}

impl Harness for Remote {
    async fn instance(&self) -> Arc<Instance> {
        let number = self.host.instances.fetch_add(1, Ordering::Relaxed);
        let connection = Connection::new(self.host.process.clone(), number, self.clock.clone());
        let answer = connection.send("start", json!({ "directory": self.directory.path() })).unwrap();
        let answer = answer.await.expect("the host process is running");
        assert!(answer.get("ok").is_some(), "the host cannot create an instance: {answer}");
        let component = link::component(connection).expect("the relay is linked");
        // The relay needs nothing from its host but the imports, which hold the connection.
        let state = State::new(WasiCtx::builder().build(), &LockSpace::process(), Arc::new(NoSink));
        let instance = Instance::new(&component, state).await;
        // Each byte of data is passed as a separate value.
        instance.enter().await.set_hostcall_fuel(usize::MAX);
        Arc::new(instance)
    }

    fn clock(&self) -> &Clock {
        &self.clock
    }
}
