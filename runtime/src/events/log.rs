use super::{Event, EventSink};
use crate::shown::Shown;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tracing::{debug, info, warn};

/// Logs events with `tracing`, target `session3::events`: frequent ones at level `debug`, actions of users and
/// administrators at `info`, suspicious ones and failures at `warn`.
///
/// A disk that cannot be written fails each touch, so `touch-failed` is a warning at most once in ten minutes, and
/// `debug` in between. Recovery is not logged: the warnings just stop. Clones share the count.
#[derive(Clone, Debug, Default)]
pub struct EventLog {
    failed_touches: Arc<Mutex<RateLimit>>,
}

const TARGET: &str = "session3::events";
/// Anything longer is not an id, and must not flood the log.
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
                "session {session}: {name}: the disk is full, read-only or broken; requests are served, but sessions \
                 end too early ({others} more since the last warning; the next one in {QUIET:?})"
            ),
        }
    }
}

/// Limits a warning that would otherwise repeat all the time.
#[derive(Debug, Default)]
struct RateLimit {
    last: Option<Instant>,
    suppressed: u64,
}

impl RateLimit {
    /// Counts an occurrence. Returns the number suppressed since the last warning if a new one is due.
    fn is_due(&mut self, now: Instant) -> Option<u64> {
        if self.last.is_some_and(|last| now.saturating_duration_since(last) < QUIET) {
            self.suppressed += 1;
            return None;
        }
        self.last = Some(now);
        Some(std::mem::take(&mut self.suppressed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_warnings_are_rate_limited() {
        let mut limit = RateLimit::default();
        let start = Instant::now();
        let due = [0, 1, 599, 600, 601, 1199, 5000, 5599, 5600]
            .map(|seconds| limit.is_due(start + Duration::from_secs(seconds)));
        assert_eq!(due, [Some(0), None, None, Some(2), None, None, Some(2), None, Some(1)]);
    }
}
