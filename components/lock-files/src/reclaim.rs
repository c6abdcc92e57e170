//! Removes leftovers of dead instances, for names that are no longer requested.

use alloc::rc::Rc;

use crate::clock::Wait;
use crate::directory::{Directory, ErrorCode};
use crate::files::{Files, Lease};
use crate::lock::{Lock, Mode};
use crate::random;

/// One scan per this many acquisitions, on average.
const EVERY: u64 = 64;

/// Occasionally scans the directory.
pub fn now_and_then(directory: &Rc<Directory>) {
    if random::number().is_multiple_of(EVERY) {
        // Best effort: a failing directory is reported by the acquisition itself.
        let _ = reclaim(directory);
    }
}

/// Takes over every abandoned lock, and releases it.
fn reclaim(directory: &Rc<Directory>) -> Result<(), ErrorCode> {
    for file in directory.names(".")?.unwrap_or_default() {
        if let Some(name) = lock_of(&file)
            && directory.lease(&file)? == Some(Lease::Over)
        {
            drop(Lock::acquire(directory.clone(), name.into(), Mode::Exclusive, &mut Wait::new(0))?);
        }
    }
    Ok(())
}

/// The lock that a file belongs to; none for other files.
fn lock_of(file: &str) -> Option<&str> {
    let (name, _) = file.split_once('.')?;
    let is_ours = name.len() == 16 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_ours.then_some(name)
}
