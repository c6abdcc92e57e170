//! The events that instances report to their host.

use std::sync::{Arc, Mutex};

use session_runtime::EventSink;
use session_runtime::events::{Event, Limit};

/// The maximum number of events kept.
const LIMIT: usize = 10_000;

/// Records events. Clones share the record.
#[derive(Clone, Default)]
pub struct Recorder(Arc<Mutex<Vec<String>>>);

impl Recorder {
    /// Returns and clears the events, in order: `session-1 created`, `session-1 renewed session-2`, `- refused
    /// new-sessions`.
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
