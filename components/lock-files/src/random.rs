//! Random numbers: for the names of readers, and jitter. Not for secrets.

use core::cell::Cell;

use wasi::random::random::get_random_u64;

struct State(Cell<Option<u64>>);

#[expect(unsafe_code, reason = "a `static` must be `Sync`")]
// SAFETY: an instance has one thread.
unsafe impl Sync for State {}

static STATE: State = State(Cell::new(None));

/// The next number of this instance. One host call for all of them (SplitMix64; Steele, Lea and Flood, 2014).
pub fn number() -> u64 {
    let state = STATE.0.get().unwrap_or_else(get_random_u64).wrapping_add(0x9e37_79b9_7f4a_7c15);
    STATE.0.set(Some(state));
    let mixed = (state ^ state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ mixed >> 31
}
