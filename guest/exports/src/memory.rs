//! Checks for available memory in advance. Running out of it midway traps the instance; here it is refused before
//! anything has happened.

use alloc::vec::Vec;

use session_core::error::{Error, Result};

/// Data up to this size is not checked.
const ALWAYS_FITS: usize = 256 << 10;

/// Refuses data of this length when the memory it `takes` cannot be allocated. The reported limit is one that could be.
pub fn ensure(length: usize, takes: impl Fn(usize) -> usize) -> Result<()> {
    let fits = |part: usize| {
        let mut probe: Vec<u8> = Vec::new();
        // Keeps the compiler from removing the unused allocation.
        core::hint::black_box(&mut probe).try_reserve_exact(takes(part)).is_ok()
    };
    if length < ALWAYS_FITS || fits(length) {
        return Ok(());
    }
    let halves = core::iter::successors(Some(length / 2), |length| Some(length / 2));
    let limit = halves.take_while(|length| *length > 0).find(|length| fits(*length)).unwrap_or(0);
    Err(Error::TooLarge(limit as u32))
}
