//! Session expiry on a clock that may be stepped.
//!
//! Deadlines are times on the wall clock, the only clock: an instance cannot know how much time has really passed. So
//! time stamps in the future are not trusted. A session used while the clock was ahead does not live longer for it: its
//! latest plausible stamp counts.

use crate::record::Version;
use crate::store::Instant;

/// How far in the future a stamp may lie and still count as now, in milliseconds: clocks are slewed and stepped
/// slightly all the time, and that must not log anyone out.
pub const TOLERANCE: u64 = 60_000;

/// When a session was last active; none when all its stamps lie in the future. `touched` is the file's modification
/// time: set by a touch and by any write.
pub fn last_active(version: &Version, touched: Instant, now: Instant) -> Option<Instant> {
    [touched, version.modified, version.created]
        .into_iter()
        .filter(|stamp| *stamp <= now.saturating_add(TOLERANCE))
        .max()
        .map(|stamp| stamp.min(now))
}

/// Whether the session has expired. A session with an idle timeout whose activity cannot be dated has expired: better
/// an extra login than a session that never ends.
pub fn expired(version: &Version, touched: Instant, now: Instant) -> bool {
    let idle = |timeout| last_active(version, touched, now).is_none_or(|active| now - active >= timeout);
    past_deadline(version, now) || version.idle_timeout.is_some_and(idle)
}

/// Whether the deadline has passed.
pub fn past_deadline(version: &Version, now: Instant) -> bool {
    version.deadline.is_some_and(|deadline| now >= deadline)
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDLE: u64 = 30_000;

    fn version(created: u64, modified: u64, idle: Option<u64>, deadline: Option<u64>) -> Version<'static> {
        Version { version: 1, created, modified, owner: None, idle_timeout: idle, deadline, data: b"" }
    }

    #[test]
    fn one_second_around_each_deadline() {
        let idle = version(100_000, 100_000, Some(IDLE), None);
        let absolute = version(100_000, 100_000, None, Some(200_000));
        for (now, over) in [(129_000, false), (129_999, false), (130_000, true), (131_000, true)] {
            assert_eq!(expired(&idle, 100_000, now), over, "idle at {now}");
        }
        for (now, over) in [(199_000, false), (199_999, false), (200_000, true), (201_000, true)] {
            assert_eq!(expired(&absolute, 199_000, now), over, "absolute at {now}");
        }
    }

    #[test]
    fn a_touch_counts_from_its_stamp() {
        let session = version(100_000, 100_000, Some(IDLE), None);
        assert!(!expired(&session, 120_000, 149_999));
        assert!(expired(&session, 120_000, 150_000));
    }

    /// The clock jumps ahead, a touch records the wrong time, the clock returns: trusting the stamp would keep the
    /// session alive until the wrong time is reached.
    #[test]
    fn a_stamp_from_the_future_extends_nothing() {
        let session = version(100_000, 100_000, Some(IDLE), None);
        let from_the_future = 100_000_000;
        assert!(!expired(&session, from_the_future, 129_999));
        assert!(expired(&session, from_the_future, 130_000));
    }

    #[test]
    fn a_small_step_back_logs_nobody_out() {
        let session = version(1_000, 1_000, Some(IDLE), None);
        assert!(!expired(&session, 500_000, 500_000 - TOLERANCE));
        assert_eq!(last_active(&session, 500_000, 499_000), Some(499_000));
    }

    #[test]
    fn what_cannot_be_dated_is_over_if_it_can_be_idle() {
        let all_in_the_future = version(900_000, 900_000, Some(IDLE), None);
        assert!(expired(&all_in_the_future, 900_000, 1_000));
        assert!(!expired(&version(900_000, 900_000, None, None), 900_000, 1_000));
    }
}
