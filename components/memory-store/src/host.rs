//! The clock and random numbers: all that is asked of the host.

use session_core::SessionId;

use crate::bindings::wit::Instant;

/// The time.
pub fn now() -> Instant {
    let now = wasi::clocks::wall_clock::now();
    now.seconds.saturating_mul(1000).saturating_add(u64::from(now.nanoseconds) / 1_000_000)
}

/// A random id.
pub fn random_id() -> SessionId {
    let (high, low) = (wasi::random::random::get_random_u64(), wasi::random::random::get_random_u64());
    SessionId::generate((u128::from(high) << 64 | u128::from(low)).to_le_bytes())
}
