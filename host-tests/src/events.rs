//! What instances tell their host.

use std::sync::{Arc, Mutex};

use session_runtime::EventSink;
use session_runtime::events::{Event, Limit};

/// The most that is kept when nobody asks.
const LIMIT: usize = 10_000;

/// Keeps the events that are told. Clones keep the same.
#[derive(Clone, Default)]
pub struct Recorder(Arc<Mutex<Vec<String>>>);

impl Recorder {
    /// What was told, in order, and begin anew: `session-1 created`, `session-1 renewed session-2`,
    /// `- refused new-sessions`.
    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

impl EventSink for Recorder {
    fn event(&self, session: Option<&str>, event: &Event) {
        let detail = match event {
            Event::Renewed(id) => format!(" {id}"),
            Event::Refused(limit) => format!(" {}", Limit::name(*limit)),
            _ => String::new(),
        };
        let mut told = self.0.lock().unwrap();
        if told.len() < LIMIT {
            told.push(format!("{} {}{detail}", session.unwrap_or("-"), event.name()));
        }
    }
}
