//! The sessions that this instance has locked. It would wait for itself in vain.

use alloc::string::String;
use alloc::vec::Vec;
use core::cell::RefCell;

struct Held(RefCell<Vec<String>>);

#[expect(unsafe_code, reason = "a `static` must be `Sync`")]
// SAFETY: an instance has one thread.
unsafe impl Sync for Held {}

static HELD: Held = Held(RefCell::new(Vec::new()));

/// Whether a guard of this instance has the lock of this name.
pub fn has(name: &str) -> bool {
    HELD.0.borrow().iter().any(|held| held == name)
}

/// Notes a guard's lock.
pub fn add(name: String) {
    HELD.0.borrow_mut().push(name);
}

/// Forgets it.
pub fn remove(name: &str) {
    let mut held = HELD.0.borrow_mut();
    if let Some(at) = held.iter().position(|held| held == name) {
        held.swap_remove(at);
    }
}
