use super::{Event, Operation};
use std::sync::Arc;
use std::time::Duration;

/// Is told what happens to sessions, by all instances that it is given to.
///
/// The instance goes on when the call returns, so a sink must not wait. A component that is not trusted may tell what
/// it likes: an id is what it says, of any length.
pub trait EventSink: Send + Sync {
    /// Something happened, to this session if it is about one.
    fn event(&self, session: Option<&str>, event: &Event) {
        let _ = (session, event);
    }

    /// An operation on the store has ended, well or not, after this time. One that the instance died of is not told.
    fn took(&self, operation: Operation, time: Duration) {
        let _ = (operation, time);
    }
}

/// Drops everything.
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

/// Both are told, the first one first.
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
