use super::{Event, EventSink, Operation};
use std::sync::Arc;
use std::time::Instant;

/// The events of one instance: one per [`Store`](wasmtime::Store), inside the store's data.
pub struct EventsCtx {
    sink: Arc<dyn EventSink>,
    /// At most one: operations of an instance do not overlap.
    begun: Option<(Operation, Instant)>,
}

impl EventsCtx {
    /// Events of an instance go to this sink.
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

/// Access to the [`EventsCtx`] in the data of a [`Store`](wasmtime::Store).
pub trait EventsView: Send {
    /// Borrow the context.
    fn events(&mut self) -> &mut EventsCtx;
}
