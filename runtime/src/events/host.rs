use super::{Event, EventsCtx, EventsView, Operation};
use crate::bindings::session3::sessions::session_events as wit;
use wasmtime::Result;
use wasmtime::component::{HasData, Linker};

/// Add `session3:sessions/session-events` to a linker.
///
/// # Errors
///
/// Fails if the linker already has that interface.
pub fn add_to_linker<T: EventsView + 'static>(linker: &mut Linker<T>) -> Result<()> {
    wit::add_to_linker::<T, HasEvents>(linker, T::events)
}

/// Add `session3:sessions/session-events` to a linker, and drop all events.
///
/// # Errors
///
/// Fails if the linker already has that interface.
pub fn ignore_events<T: Send + 'static>(linker: &mut Linker<T>) -> Result<()> {
    wit::add_to_linker::<T, DropEvents>(linker, |_| DropEvents)
}

struct HasEvents;

impl HasData for HasEvents {
    type Data<'a> = &'a mut EventsCtx;
}

impl wit::Host for EventsCtx {
    fn emit(&mut self, session: Option<String>, event: Event) -> Result<()> {
        EventsCtx::emit(self, session.as_deref(), &event);
        Ok(())
    }

    fn begin(&mut self, operation: Operation) -> Result<()> {
        EventsCtx::begin(self, operation);
        Ok(())
    }

    fn end(&mut self) -> Result<()> {
        EventsCtx::end(self);
        Ok(())
    }
}

struct DropEvents;

impl HasData for DropEvents {
    type Data<'a> = Self;
}

impl wit::Host for DropEvents {
    fn emit(&mut self, _: Option<String>, _: Event) -> Result<()> {
        Ok(())
    }

    fn begin(&mut self, _: Operation) -> Result<()> {
        Ok(())
    }

    fn end(&mut self) -> Result<()> {
        Ok(())
    }
}
