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

impl RemoteHost {
    /// Start the process.
    pub fn start(command: Command) -> Self {
        Self { process: Arc::new(Process::start(command)), instances: Arc::default() }
    }

    /// A fresh place. Its directory is private: hosts may refuse one that others have access to.
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
        let answer = answer.await.expect("the host process lives");
        assert!(answer.get("ok").is_some(), "no instance: {answer}");
        let component = link::component(connection).expect("the relay is linked");
        // All that the relay has is its imports, which have the connection.
        let state = State::new(WasiCtx::builder().build(), &LockSpace::process(), Arc::new(NoSink));
        let instance = Instance::new(&component, state).await;
        // Each byte of data is a value of its own on its way.
        instance.enter().await.set_hostcall_fuel(usize::MAX);
        Arc::new(instance)
    }

    fn clock(&self) -> &Clock {
        &self.clock
    }
}
