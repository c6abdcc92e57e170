use super::{Event, EventSink};
use crate::shown::Shown;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tracing::{debug, info, warn};

/// Logs events with `tracing`, target `session3::events`: what happens all the time at the level `debug`, what a user
/// or an administrator does at `info`, what somebody should look at at `warn`.
///
/// A disk that cannot be written fails each touch, so `touch-failed` is a warning once in ten minutes, and `debug` in
/// between. Nobody tells that touches work again: a warning that does not come any more does. Clones count together.
#[derive(Clone, Debug, Default)]
pub struct EventLog {
    failed_touches: Arc<Mutex<Repeated>>,
}

const TARGET: &str = "session3::events";
/// What is longer is no id, and must not fill the log.
const LONGEST_ID: usize = 128;
const QUIET: Duration = Duration::from_secs(600);

impl EventSink for EventLog {
    fn event(&self, session: Option<&str>, event: &Event) {
        let session = Shown::new(session.unwrap_or("-")).at_most(LONGEST_ID);
        let name = event.name();
        match event {
            Event::Created | Event::Expired | Event::Conflict | Event::UnknownId => {
                debug!(target: TARGET, "session {session}: {name}");
            }
            Event::Renewed(id) => {
                let id = Shown::new(id).at_most(LONGEST_ID);
                debug!(target: TARGET, "session {session}: {name} as {id}");
            }
            Event::Login | Event::Logout | Event::Destroyed => info!(target: TARGET, "session {session}: {name}"),
            Event::WrongSecret | Event::DeadIdUsed | Event::Corrupt => {
                warn!(target: TARGET, "session {session}: {name}");
            }
            Event::TouchFailed => self.touch_failed(&session, name),
            Event::Refused(limit) => warn!(target: TARGET, "session {session}: {name}: {}", limit.name()),
        }
    }
}

impl EventLog {
    fn touch_failed(&self, session: &Shown, name: &str) {
        let due = self.failed_touches.lock().unwrap_or_else(PoisonError::into_inner).is_due(Instant::now());
        match due {
            None => debug!(target: TARGET, "session {session}: {name}"),
            Some(others) => warn!(
                target: TARGET,
                "session {session}: {name}: the disk is full, read-only or broken; requests are answered, but sessions \
                 end too early ({others} more since the last warning; the next one in {QUIET:?})"
            ),
        }
    }
}

/// What would be said all the time.
#[derive(Debug, Default)]
struct Repeated {
    said: Option<Instant>,
    unsaid: u64,
}

impl Repeated {
    /// It happened. When it is to be said, also how often it was not, since the last time that it was.
    fn is_due(&mut self, now: Instant) -> Option<u64> {
        if self.said.is_some_and(|said| now.saturating_duration_since(said) < QUIET) {
            self.unsaid += 1;
            return None;
        }
        self.said = Some(now);
        Some(std::mem::take(&mut self.unsaid))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_repeated_is_said_now_and_then() {
        let mut repeated = Repeated::default();
        let start = Instant::now();
        let due = [0, 1, 599, 600, 601, 1199, 5000, 5599, 5600]
            .map(|seconds| repeated.is_due(start + Duration::from_secs(seconds)));
        assert_eq!(due, [Some(0), None, None, Some(2), None, None, Some(2), None, Some(1)]);
    }
}
