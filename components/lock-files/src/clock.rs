//! The time: the wall clock for leases, as it stamps files, and the monotonic clock for waits.

use wasi::clocks::monotonic_clock::{self, subscribe_duration};
use wasi::clocks::wall_clock::{self, Datetime};

use crate::random;

/// A length of time, or one on the wall clock since 1970.
pub type Milliseconds = u64;

const NANOSECONDS: u64 = 1_000_000;

/// The pauses between two looks at a lock: at first, and at most.
const FIRST_PAUSE: u64 = NANOSECONDS;
const LONGEST_PAUSE: u64 = 10 * NANOSECONDS;

/// The wall clock.
pub fn now() -> Milliseconds {
    milliseconds(&wall_clock::now())
}

/// A stamp of the wall clock.
pub fn milliseconds(stamp: &Datetime) -> Milliseconds {
    stamp.seconds.saturating_mul(1000).saturating_add(u64::from(stamp.nanoseconds) / 1_000_000)
}

/// How much of a wait is left. It begins with the first pause.
pub struct Wait {
    timeout: u64,
    deadline: Option<u64>,
    pause: u64,
}

impl Wait {
    /// A wait that has not begun.
    pub fn new(timeout: Milliseconds) -> Self {
        Self { timeout: timeout.saturating_mul(NANOSECONDS), deadline: None, pause: FIRST_PAUSE }
    }

    /// Look until there is something to be seen. None when the time is up.
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

    /// Pause a little. Says whether there was time for it.
    fn pause(&mut self) -> bool {
        let now = monotonic_clock::now();
        let deadline = *self.deadline.get_or_insert(now.saturating_add(self.timeout));
        if now >= deadline {
            return false;
        }
        // Up to twice as long, so that those who wait do not look in step.
        let pause = self.pause + random::number() % self.pause;
        subscribe_duration(pause.min(deadline - now)).block();
        self.pause = LONGEST_PAUSE.min(self.pause * 2);
        true
    }
}
