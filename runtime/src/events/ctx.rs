use super::{Event, EventSink, Operation};
use std::sync::Arc;
use std::time::Instant;

/// One instance as the teller of events: one for each [`Store`](wasmtime::Store), inside the store's data.
pub struct EventsCtx {
    sink: Arc<dyn EventSink>,
    /// One at most: operations of an instance do not overlap.
    begun: Option<(Operation, Instant)>,
}

impl EventsCtx {
    /// An instance that tells this sink.
    pub fn new(sink: Arc<dyn EventSink>) -> Self {
        Self { sink, begun: None }
    }

    pub(super) fn emit(&self, session: Option<&str>, event: &Event) {
        self.sink.event(session, event);
    }

    pub(super) fn begin(&mut self, operation: Operation) {
        self.begun = Some((operation, Instant::now()));
    }

    pub(super) fn end(&mut self) {
        if let Some((operation, start)) = self.begun.take() {
            self.sink.took(operation, start.elapsed());
        }
    }
}

/// Says where in the data of a [`Store`](wasmtime::Store) the teller is.
pub trait EventsView: Send {
    /// Borrow it.
    fn events(&mut self) -> &mut EventsCtx;
}
