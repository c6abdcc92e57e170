//! The process with the host under test.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::Value;
use wasmtime::{Result, format_err};

/// A process that answers each line with a line, in any order. Dropping it kills the process.
pub(super) struct Process {
    child: Child,
    requests: Mutex<Requests>,
    waiting: Arc<Waiting>,
}

struct Requests {
    input: ChildStdin,
    last: u64,
}

/// The callbacks of the requests in flight, by request id; `None` once the process has ended.
type Waiting = Mutex<Option<HashMap<u64, Answered>>>;

type Answered = Box<dyn FnOnce(Value) + Send>;

impl Process {
    pub(super) fn start(mut command: Command) -> Self {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the host process starts");
        let waiting = Arc::new(Mutex::new(Some(HashMap::new())));
        let (input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let heard = waiting.clone();
        thread::spawn(move || hear(output, &heard));
        Self { child, requests: Mutex::new(Requests { input, last: 0 }), waiting }
    }

    /// Sends a request. The response is passed to `answered`, which is dropped if the process ends first.
    pub(super) fn send(&self, mut request: Value, answered: impl FnOnce(Value) + Send + 'static) -> Result<()> {
        let mut requests = self.requests.lock().unwrap();
        requests.last += 1;
        request["id"] = requests.last.into();
        let mut waiting = self.waiting.lock().unwrap();
        let ended = || format_err!("the host process has ended");
        waiting.as_mut().ok_or_else(ended)?.insert(requests.last, Box::new(answered));
        drop(waiting);
        Ok(writeln!(requests.input, "{request}")?)
    }
}

/// Passes each response to its callback until the process ends.
fn hear(output: ChildStdout, waiting: &Waiting) {
    for line in BufReader::new(output).lines().map_while(|line| line.ok()) {
        let answer: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error} in {line}"));
        let waiter = answer["id"].as_u64().and_then(|id| waiting.lock().unwrap().as_mut()?.remove(&id));
        waiter.unwrap_or_else(|| panic!("not the response to a request: {line}"))(answer);
    }
    waiting.lock().unwrap().take();
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
