//! The host's side of `session3:sessions/session-events`: what happens to sessions, for logs, metrics and alarms.
//!
//! - [`EventSink`]: the receiver. [`EventLog`] is one that logs.
//! - [`EventsCtx`]: the events of one instance.
//! - [`add_to_linker`]: adds the interface to a linker, through [`EventsView`]. [`ignore_events`]: adds one that drops
//!   events.

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
