//! The state of this instance: the open directory and its locks.

use alloc::collections::BTreeMap;
use alloc::rc::{Rc, Weak};
use alloc::string::String;
use core::cell::{Cell, RefCell};

use crate::directory::{Directory, OpenError};
use crate::lock::Lock;

/// Maximum number of guards an instance may hold.
pub const MOST: usize = 64;

struct Instance {
    directory: RefCell<Option<Rc<Directory>>>,
    locks: RefCell<BTreeMap<String, Weak<Lock>>>,
    guards: Cell<usize>,
}

#[expect(unsafe_code, reason = "a `static` must be `Sync`")]
// SAFETY: an instance has one thread.
unsafe impl Sync for Instance {}

static INSTANCE: Instance =
    Instance { directory: RefCell::new(None), locks: RefCell::new(BTreeMap::new()), guards: Cell::new(0) };

/// The directory of lock files, opened on first use.
pub fn directory() -> Result<Rc<Directory>, OpenError> {
    let mut directory = INSTANCE.directory.borrow_mut();
    match &*directory {
        Some(directory) => Ok(directory.clone()),
        None => Ok(directory.insert(Rc::new(Directory::open()?)).clone()),
    }
}

/// Closes the directory; the next use opens it again.
pub fn forget_directory() {
    INSTANCE.directory.take();
}

/// Whether a lock of the instance is in another directory than this one, and invisible to other callers.
pub fn is_elsewhere(directory: &Rc<Directory>) -> bool {
    INSTANCE.locks.borrow().values().filter_map(Weak::upgrade).any(|lock| !Rc::ptr_eq(lock.directory(), directory))
}

/// The instance's lock of this name, if it holds one.
pub fn lock(name: &str) -> Option<Rc<Lock>> {
    INSTANCE.locks.borrow().get(name).and_then(Weak::upgrade)
}

/// Whether the instance holds the maximum number of guards.
pub fn is_full() -> bool {
    INSTANCE.guards.get() >= MOST
}

/// Whether the lease of one of the instance's locks has expired.
pub fn is_late() -> bool {
    INSTANCE.locks.borrow().values().filter_map(Weak::upgrade).any(|lock| lock.is_over())
}

/// The resource `guard`. Guards of one name share a lock.
pub struct Guard {
    name: String,
    lock: Option<Rc<Lock>>,
}

impl Guard {
    /// Wraps a lock.
    pub fn new(name: String, lock: Rc<Lock>) -> Self {
        INSTANCE.locks.borrow_mut().insert(name.clone(), Rc::downgrade(&lock));
        INSTANCE.guards.set(INSTANCE.guards.get() + 1);
        Self { name, lock: Some(lock) }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        INSTANCE.guards.set(INSTANCE.guards.get() - 1);
        if self.lock.take().and_then(Rc::into_inner).is_some() {
            INSTANCE.locks.borrow_mut().remove(&self.name);
        }
    }
}
