//! A client in its own process, to be killed: `session-worker` reads operations as lines of JSON, and prints each
//! outcome when the component has returned.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use crate::operation::{Operation, Outcome};

/// The worker process. Dropping it kills the process.
pub struct Worker {
    process: Child,
    outcomes: BufReader<ChildStdout>,
}

impl Worker {
    /// Runs `session-worker`, or a shell that execs it, with these arguments.
    pub fn start(command: &mut Command, component: &Path, directory: &Path, lock_file: &Path, durable: bool) -> Self {
        command.args([component, directory, lock_file]).arg(if durable { "durable" } else { "relaxed" });
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let outcomes = BufReader::new(process.stdout.take().unwrap());
        Self { process, outcomes }
    }

    /// Sends operations. A killed worker ignores them.
    pub fn send<'a>(&mut self, operations: impl IntoIterator<Item = &'a Operation>) {
        let lines = operations.into_iter().map(|operation| serde_json::to_string(operation).unwrap() + "\n");
        let _ = self.process.stdin.as_mut().unwrap().write_all(lines.collect::<String>().as_bytes());
    }

    /// The next outcome, or none if the worker has exited. An incomplete line is discarded.
    pub fn outcome(&mut self) -> Option<Outcome> {
        let mut line = String::new();
        self.outcomes.read_line(&mut line).unwrap();
        line.ends_with('\n').then(|| serde_json::from_str(&line).unwrap())
    }

    /// Lets the worker finish.
    pub fn end(mut self) {
        // Closes its standard input.
        assert!(self.process.wait().unwrap().success());
    }

    /// Kills the worker with SIGKILL. Once this returns, none of its operations is in flight. Earlier output can still
    /// be read.
    pub fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.kill();
    }
}
