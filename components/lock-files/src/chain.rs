//! Mutual exclusion through exclusively created files.
//!
//! The holder of lock `L` has created the file `L.0`, and removes it when done. When the lease of `L.0` has expired,
//! its holder is dead; the next caller then creates `L.1`, and so on: the next generation. Removing the stale file and
//! creating it anew would not work: two callers that found it stale would do so one after the other, and the second
//! would remove the first one's live file.
//!
//! After creating a generation, a caller checks again that all earlier ones exist and have expired, and gives it up
//! otherwise: between finding `L.0` expired and creating `L.1`, another caller may have held `L.1`, released both, and
//! a third may hold a new `L.0`. A holder releases in ascending order, its own file last: until that is gone no other
//! caller can create the same generation, and one that finds an earlier generation missing gives up.
//!
//! Invariant: at most one holder with an unexpired lease. `host-tests` explores all interleavings.

use alloc::format;
use alloc::string::String;

use super::files::{Files, Lease};

/// A held lock, by the file of this generation.
#[derive(Debug)]
pub struct Generation(u32);

/// Takes a lock unless it is held. None when it is, or was very recently.
pub fn try_take<F: Files>(files: &F, lock: &str) -> Result<Option<Generation>, F::Error> {
    let mut generation = 0;
    loop {
        let path = file(lock, generation);
        if files.create(&path)? {
            let first = is_first(files, lock, generation);
            if !matches!(first, Ok(true)) {
                files.remove(&path)?;
            }
            return first.map(|first| first.then_some(Generation(generation)));
        }
        match files.lease(&path)? {
            Some(Lease::Over) => generation += 1,
            Some(Lease::Running) | None => return Ok(None),
        }
    }
}

/// Whether all earlier generations exist and have expired.
fn is_first<F: Files>(files: &F, lock: &str, generation: u32) -> Result<bool, F::Error> {
    for earlier in 0..generation {
        if files.lease(&file(lock, earlier))? != Some(Lease::Over) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Restarts the lease.
pub fn renew<F: Files>(files: &F, lock: &str, generation: &Generation) -> Result<(), F::Error> {
    files.renew(&path(lock, generation))
}

/// Releases a lock, and removes stale generations. Only within its lease. A file that cannot be removed blocks the lock
/// for a lease.
pub fn give_back<F: Files>(files: &F, lock: &str, generation: Generation) -> Result<(), F::Error> {
    (0..=generation.0).try_for_each(|generation| files.remove(&file(lock, generation)))
}

/// The file of a generation.
pub fn path(lock: &str, generation: &Generation) -> String {
    file(lock, generation.0)
}

fn file(lock: &str, generation: u32) -> String {
    format!("{lock}.{generation}")
}
