//! Blocking on futures, and waiting for locks.

use core::pin::pin;
use core::task::{Context, Poll, Waker};

use session_core::error::{Error, Result};
use session_core::store::Milliseconds;
use wasi::clocks::monotonic_clock;
use wasi::random::random::get_random_u64;

const NANOSECONDS: u64 = 1_000_000;

/// Pauses between attempts to get a lock: doubled each time, up to the longest.
const FIRST_PAUSE: u64 = NANOSECONDS;
const LONGEST_PAUSE: u64 = 16 * NANOSECONDS;

/// The output of a future whose requests block while it is polled: it is ready at the first poll.
pub fn ready<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return output;
        }
    }
}

/// A clock that never goes back.
pub fn uptime() -> Milliseconds {
    monotonic_clock::now() / NANOSECONDS
}

/// Waits.
pub fn sleep(time: Milliseconds) {
    pause(time.saturating_mul(NANOSECONDS));
}

/// Tries until the lock is free or the time is over: at least once.
pub(crate) fn until<T>(wait: Milliseconds, attempt: impl Fn() -> Result<T>) -> Result<T> {
    let deadline = monotonic_clock::now().saturating_add(wait.saturating_mul(NANOSECONDS));
    let mut longest = FIRST_PAUSE;
    loop {
        let result = attempt();
        let left = deadline.saturating_sub(monotonic_clock::now());
        if left == 0 || !matches!(result, Err(Error::Busy)) {
            return result;
        }
        // Jitter, so that instances do not try in step.
        pause((longest / 2 + get_random_u64() % longest).min(left));
        longest = (longest * 2).min(LONGEST_PAUSE);
    }
}

fn pause(nanoseconds: u64) {
    monotonic_clock::subscribe_duration(nanoseconds).block();
}
