use super::{Event, EventSink};
use std::fmt;
use tracing::{debug, info, warn};

/// Logs events with `tracing`, target `session3::events`: what happens all the time at the level `debug`, what a user
/// or an administrator does at `info`, what somebody should look at at `warn`.
#[derive(Clone, Copy, Debug, Default)]
pub struct EventLog;

const TARGET: &str = "session3::events";

impl EventSink for EventLog {
    fn event(&self, session: Option<&str>, event: &Event) {
        let session = Shown(session.unwrap_or("-"));
        let name = event.name();
        match event {
            Event::Created | Event::Expired | Event::Conflict | Event::UnknownId => {
                debug!(target: TARGET, "session {session}: {name}");
            }
            Event::Renewed(id) => debug!(target: TARGET, "session {session}: {name} as {}", Shown(id)),
            Event::Login | Event::Logout | Event::Destroyed => info!(target: TARGET, "session {session}: {name}"),
            Event::WrongSecret | Event::DeadIdUsed | Event::Corrupt => {
                warn!(target: TARGET, "session {session}: {name}");
            }
            Event::Refused(limit) => warn!(target: TARGET, "session {session}: {name}: {}", limit.name()),
        }
    }
}

/// An id as the component says it. What is none must not fill or forge the log.
struct Shown<'a>(&'a str);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const LONGEST_ID: usize = 128;
        self.0.chars().take(LONGEST_ID).try_for_each(|c| write!(f, "{}", c.escape_debug()))
    }
}
