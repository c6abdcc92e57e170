//! Through the interface as a guest sees it.

use super::{Event, EventSink, EventsCtx, Limit, Operation};
use crate::bindings::session3::sessions::session_events::Host;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Records events.
#[derive(Clone, Default)]
struct Notes(Arc<Mutex<Vec<String>>>);

impl EventSink for Notes {
    fn event(&self, session: Option<&str>, event: &Event) {
        self.0.lock().unwrap().push(format!("{}: {}", session.unwrap_or("-"), event.name()));
    }

    fn took(&self, operation: Operation, _: Duration) {
        self.0.lock().unwrap().push(format!("{} took", operation.name()));
    }
}

impl Notes {
    fn instance(&self) -> EventsCtx {
        EventsCtx::new(Arc::new(self.clone()))
    }

    #[track_caller]
    fn expect(&self, expected: &[&str]) {
        assert_eq!(std::mem::take(&mut *self.0.lock().unwrap()), expected);
    }
}

#[test]
fn events_are_forwarded_in_order() {
    let notes = Notes::default();
    let mut instance = notes.instance();
    Host::emit(&mut instance, Some("session-1".into()), Event::Created).unwrap();
    Host::emit(&mut instance, None, Event::Refused(Limit::TotalBytes)).unwrap();
    notes.expect(&["session-1: created", "-: refused"]);
}

#[test]
fn an_operation_is_timed_when_it_ends() {
    let notes = Notes::default();
    let mut instance = notes.instance();
    Host::begin(&mut instance, Operation::Load).unwrap();
    notes.expect(&[]);
    Host::end(&mut instance).unwrap();
    notes.expect(&["load took"]);
}

#[test]
fn an_unmatched_end_is_ignored() {
    let notes = Notes::default();
    let mut instance = notes.instance();
    Host::end(&mut instance).unwrap();
    Host::begin(&mut instance, Operation::Save).unwrap();
    Host::end(&mut instance).unwrap();
    Host::end(&mut instance).unwrap();
    notes.expect(&["save took"]);
}

#[test]
fn an_operation_that_never_ended_is_not_counted() {
    let notes = Notes::default();
    let mut died = notes.instance();
    Host::begin(&mut died, Operation::Save).unwrap();
    drop(died);
    let mut other = notes.instance();
    Host::end(&mut other).unwrap();
    Host::begin(&mut other, Operation::Load).unwrap();
    Host::begin(&mut other, Operation::Touch).unwrap();
    Host::end(&mut other).unwrap();
    notes.expect(&["touch took"]);
}

#[test]
fn both_sinks_receive_events() {
    let (first, second) = (Notes::default(), Notes::default());
    let mut instance = EventsCtx::new(Arc::new((first.clone(), second.clone())));
    Host::emit(&mut instance, None, Event::Login).unwrap();
    first.expect(&["-: login"]);
    second.expect(&["-: login"]);
}
