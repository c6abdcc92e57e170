//! One holder at a time, through files that only one can create.
//!
//! Who holds lock `L` has created the file `L.0`, and removes it when done. When the lease of `L.0` is over, its holder
//! is dead; who asks then creates `L.1`, and so on: the next generation. Removing the dead file instead and creating it
//! anew would not do: two who found it dead do that one after the other, and the second removes the first one's live
//! file.
//!
//! Whoever creates a generation looks once more whether all before it are there and over, and gives it up otherwise:
//! between finding `L.0` dead and creating `L.1` another may have held `L.1`, given back both, and a third hold a new
//! `L.0`. A holder gives back in ascending order, its own file last: until that is gone nobody can have created the
//! same generation, and whoever finds an earlier one missing gives up.
//!
//! Invariant: among those whose lease runs, one at most holds the lock. `host-tests` tries it in all orders of steps.

use alloc::format;
use alloc::string::String;

use super::files::{Files, Lease};

/// The lock is ours, by the file of this generation.
#[derive(Debug)]
pub struct Generation(u32);

/// Take a lock unless it is held. None when it is, or was a moment ago.
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

/// Whether all generations before this one are there, and over.
fn is_first<F: Files>(files: &F, lock: &str, generation: u32) -> Result<bool, F::Error> {
    for earlier in 0..generation {
        if files.lease(&file(lock, earlier))? != Some(Lease::Over) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Begin the lease again.
pub fn renew<F: Files>(files: &F, lock: &str, generation: &Generation) -> Result<(), F::Error> {
    files.renew(&path(lock, generation))
}

/// Give a lock back, together with what the dead have left. Only while its lease runs. What cannot be removed blocks
/// the lock for a lease.
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
