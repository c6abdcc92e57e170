//! Whether there is memory for what is to come. When it runs out on the way, the instance traps; here it is refused before
//! anything has happened.

use alloc::vec::Vec;

use session_core::error::{Error, Result};

/// For data up to here nobody looks.
const ALWAYS_FITS: usize = 256 << 10;

/// Refuse data of this length when what it `takes` cannot be had. The limit that is told is one that could.
pub fn need(length: usize, takes: impl Fn(usize) -> usize) -> Result<()> {
    let fits = |part: usize| {
        let mut probe: Vec<u8> = Vec::new();
        // Or the compiler leaves out what nobody uses.
        core::hint::black_box(&mut probe).try_reserve_exact(takes(part)).is_ok()
    };
    if length < ALWAYS_FITS || fits(length) {
        return Ok(());
    }
    let halves = core::iter::successors(Some(length / 2), |length| Some(length / 2));
    let limit = halves.take_while(|length| *length > 0).find(|length| fits(*length)).unwrap_or(0);
    Err(Error::TooLarge(limit as u32))
}
