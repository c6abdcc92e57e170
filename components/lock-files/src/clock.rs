//! Clocks: the wall clock, which also stamps files, for leases; the monotonic clock for waits.

use wasi::clocks::monotonic_clock::{self, subscribe_duration};
use wasi::clocks::wall_clock::{self, Datetime};

use crate::random;

/// A duration, or a time on the wall clock since 1970.
pub type Milliseconds = u64;

const NANOSECONDS: u64 = 1_000_000;

/// The pause between two attempts at a lock: initial and maximum.
const FIRST_PAUSE: u64 = NANOSECONDS;
const LONGEST_PAUSE: u64 = 10 * NANOSECONDS;

/// The current time on the wall clock.
pub fn now() -> Milliseconds {
    milliseconds(&wall_clock::now())
}

/// Converts a time stamp.
pub fn milliseconds(stamp: &Datetime) -> Milliseconds {
    stamp.seconds.saturating_mul(1000).saturating_add(u64::from(stamp.nanoseconds) / 1_000_000)
}

/// The remaining time of a wait. It starts with the first pause.
pub struct Wait {
    timeout: u64,
    deadline: Option<u64>,
    pause: u64,
}

impl Wait {
    /// A wait that has not started.
    pub fn new(timeout: Milliseconds) -> Self {
        Self { timeout: timeout.saturating_mul(NANOSECONDS), deadline: None, pause: FIRST_PAUSE }
    }

    /// Polls until there is a result. None on timeout.
    pub fn until<T, E>(&mut self, mut look: impl FnMut() -> Result<Option<T>, E>) -> Result<Option<T>, E> {
        loop {
            if let Some(seen) = look()? {
                return Ok(Some(seen));
            }
            if !self.pause() {
                return Ok(None);
            }
        }
    }

    /// Pauses briefly. Returns whether there was time left.
    fn pause(&mut self) -> bool {
        let now = monotonic_clock::now();
        let deadline = *self.deadline.get_or_insert(now.saturating_add(self.timeout));
        if now >= deadline {
            return false;
        }
        // Jitter of up to twice the pause, so that waiters do not poll in step.
        let pause = self.pause + random::number() % self.pause;
        subscribe_duration(pause.min(deadline - now)).block();
        self.pause = LONGEST_PAUSE.min(self.pause * 2);
        true
    }
}
