use super::{Event, Operation};
use std::sync::Arc;
use std::time::Duration;

/// Receives the events of all instances that it is passed to.
///
/// A call blocks its instance, so a sink must not wait. An untrusted component may report anything: an id can be any
/// text of any length.
pub trait EventSink: Send + Sync {
    /// An event, with the session it concerns, if any.
    fn event(&self, session: Option<&str>, event: &Event) {
        let _ = (session, event);
    }

    /// The time of an operation on the store, successful or not. Not called if the instance died during it.
    fn took(&self, operation: Operation, time: Duration) {
        let _ = (operation, time);
    }
}

/// Drops all events.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoSink;

impl EventSink for NoSink {}

impl<S: EventSink + ?Sized> EventSink for Arc<S> {
    fn event(&self, session: Option<&str>, event: &Event) {
        (**self).event(session, event);
    }

    fn took(&self, operation: Operation, time: Duration) {
        (**self).took(operation, time);
    }
}

/// Forwards events to both, in order.
impl<A: EventSink, B: EventSink> EventSink for (A, B) {
    fn event(&self, session: Option<&str>, event: &Event) {
        self.0.event(session, event);
        self.1.event(session, event);
    }

    fn took(&self, operation: Operation, time: Duration) {
        self.0.took(operation, time);
        self.1.took(operation, time);
    }
}
