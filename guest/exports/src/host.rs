//! The clock and random numbers.

use session_core::SessionId;
use session_core::store::Instant;
use wasi::random::random::get_random_u64;

/// The host's wall clock.
pub fn now() -> Instant {
    let now = wasi::clocks::wall_clock::now();
    now.seconds.saturating_mul(1000).saturating_add(u64::from(now.nanoseconds) / 1_000_000)
}

/// 128 random bits.
pub fn random_16() -> [u8; 16] {
    let (high, low) = (get_random_u64(), get_random_u64());
    (u128::from(high) << 64 | u128::from(low)).to_le_bytes()
}

/// A random id.
pub fn random_id() -> SessionId {
    SessionId::generate(random_16())
}
