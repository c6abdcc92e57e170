//! Calls and their times.

use std::fmt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use host_tests::operation::{Operation, Outcome};

/// One call: its client and its outcome, `None` if the client died in it or was killed.
#[derive(Clone, Debug)]
pub struct Call {
    pub client: usize,
    pub operation: Operation,
    pub outcome: Option<Outcome>,
    /// Moments of the history: before the call, and after its return or its client's death.
    pub began: u64,
    pub ended: u64,
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { client, operation, outcome, began, ended } = self;
        write!(f, "{began:>4}-{ended:<4} client {client}: {operation:?} = ")?;
        match outcome {
            Some(outcome) => write!(f, "{outcome:?}"),
            None => f.write_str("died"),
        }
    }
}

/// Filled by several threads concurrently.
#[derive(Default)]
pub struct History {
    now: AtomicU64,
    calls: Mutex<Vec<Call>>,
}

impl History {
    /// A moment later than all before.
    pub fn now(&self) -> u64 {
        self.now.fetch_add(1, Ordering::SeqCst)
    }

    /// Records the end of a call.
    pub fn note(&self, client: usize, operation: Operation, outcome: Option<Outcome>, began: u64) {
        let call = Call { client, operation, outcome, began, ended: self.now() };
        self.calls.lock().unwrap().push(call);
    }

    /// All calls, in order of their start.
    pub fn calls(self) -> Vec<Call> {
        let mut calls = self.calls.into_inner().unwrap();
        calls.sort_by_key(|call| call.began);
        calls
    }
}
