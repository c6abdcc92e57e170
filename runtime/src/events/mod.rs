//! The host's side of `session3:sessions/session-events`: what happens to sessions, for logs, metrics and alarms.
//!
//! - [`EventSink`]: who is told. [`EventLog`] is one, which logs.
//! - [`EventsCtx`]: one instance as the teller.
//! - [`add_to_linker`]: the interface for a linker, through [`EventsView`]. [`ignore_events`]: the same for nobody.

mod ctx;
mod host;
mod log;
mod names;
mod sink;
#[cfg(test)]
mod tests;

pub use crate::bindings::session3::sessions::session_events::{Event, Limit, Operation};
pub use ctx::{EventsCtx, EventsView};
pub use host::{add_to_linker, ignore_events};
pub use log::EventLog;
pub use sink::{EventSink, NoSink};
