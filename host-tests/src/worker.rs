//! A client in a process of its own, to be killed: `session-worker` reads operations as lines of JSON, and answers each
//! when the component has.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use crate::operation::{Operation, Outcome};

/// The other end of its standard input and output. Dropping it kills the process.
pub struct Worker {
    process: Child,
    outcomes: BufReader<ChildStdout>,
}

impl Worker {
    /// Run `session-worker`, or a shell that becomes it, with its arguments.
    pub fn start(command: &mut Command, component: &Path, directory: &Path, lock_file: &Path, durable: bool) -> Self {
        command.args([component, directory, lock_file]).arg(if durable { "durable" } else { "relaxed" });
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let outcomes = BufReader::new(process.stdout.take().unwrap());
        Self { process, outcomes }
    }

    /// Hand it operations. One that has been killed takes none.
    pub fn send<'a>(&mut self, operations: impl IntoIterator<Item = &'a Operation>) {
        let lines = operations.into_iter().map(|operation| serde_json::to_string(operation).unwrap() + "\n");
        let _ = self.process.stdin.as_mut().unwrap().write_all(lines.collect::<String>().as_bytes());
    }

    /// Its next answer; none when it has ended. A line that is not whole was not said.
    pub fn outcome(&mut self) -> Option<Outcome> {
        let mut line = String::new();
        self.outcomes.read_line(&mut line).unwrap();
        line.ends_with('\n').then(|| serde_json::from_str(&line).unwrap())
    }

    /// Let it end by itself.
    pub fn end(mut self) {
        // This closes its standard input.
        assert!(self.process.wait().unwrap().success());
    }

    /// Kill it with SIGKILL. When this returns it is gone, and nothing it did is still under way. What it said before can
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
