//! The clock and random numbers.

use session_core::store::Instant;
use wasi::random::random::get_random_u64;

/// The time.
pub fn now() -> Instant {
    let now = wasi::clocks::wall_clock::now();
    now.seconds.saturating_mul(1000).saturating_add(u64::from(now.nanoseconds) / 1_000_000)
}

/// 128 random bits.
pub fn random_16() -> [u8; 16] {
    (u128::from(get_random_u64()) << 64 | u128::from(get_random_u64())).to_le_bytes()
}
