//! Removes what dead instances have left, of names that nobody asks for any more.

use alloc::rc::Rc;

use crate::clock::Wait;
use crate::directory::{Directory, ErrorCode};
use crate::files::{Files, Lease};
use crate::lock::{Lock, Mode};
use crate::random;

/// One request for a lock in so many looks through the directory.
const EVERY: u64 = 64;

/// Now and then, look through the directory.
pub fn now_and_then(directory: &Rc<Directory>) {
    if random::number().is_multiple_of(EVERY) {
        // Nobody has asked for it; whoever asks for a lock hears of the trouble there is.
        let _ = reclaim(directory);
    }
}

/// Take over every abandoned lock, as anybody may, and give it back.
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

/// The lock that a file belongs to; none when it is not ours.
fn lock_of(file: &str) -> Option<&str> {
    let (name, _) = file.split_once('.')?;
    let is_ours = name.len() == 16 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_ours.then_some(name)
}
