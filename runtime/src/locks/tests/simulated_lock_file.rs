//! Replaces `lock_file` under shuttle: one lock file in a directory, in memory. Every call is a step that other threads
//! may precede.

use crate::locks::error::Mode;
use crate::locks::name::Name;
use shuttle::sync::{Mutex, MutexGuard};
use std::cell::{Cell, RefCell};
use std::io;
use std::path::Path;
use std::sync::{Arc, PoisonError};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Identity;

impl Identity {
    pub(super) fn of_home(_path: &Path) -> io::Result<Self> {
        Ok(Self)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Usage {
    Shared,
    Alone,
}

#[derive(Default)]
struct Kernel {
    /// The file that the path names.
    at_path: Option<u64>,
    /// The last number given to a file or a description.
    last: u64,
    locks: Vec<Lock>,
    /// Descriptions, and the files they mark.
    marks: Vec<(u64, u64)>,
}

struct Lock {
    description: u64,
    file: u64,
    name: Name,
    mode: Mode,
}

impl Kernel {
    fn number(&mut self) -> u64 {
        self.last += 1;
        self.last
    }
}

// Shuttle runs all threads of a test on one OS thread.
thread_local! {
    static KERNEL: RefCell<Arc<Mutex<Kernel>>> = RefCell::default();
    static CHECKS_MARKS: Cell<bool> = const { Cell::new(true) };
}

/// Start without a file.
pub(super) fn start(checks_marks: bool) {
    KERNEL.replace(Arc::default());
    CHECKS_MARKS.set(checks_marks);
}

/// Remove the lock file.
pub(super) fn remove_file() {
    let kernel = KERNEL.with_borrow(Arc::clone);
    kernel.lock().unwrap().at_path = None;
}

pub(super) struct LockFile {
    kernel: Arc<Mutex<Kernel>>,
    file: u64,
    description: u64,
}

impl LockFile {
    pub(super) fn open(_path: &Path, _usage: Usage) -> io::Result<Self> {
        let kernel = KERNEL.with_borrow(Arc::clone);
        let mut inside = kernel.lock().unwrap();
        let file = match inside.at_path {
            Some(file) => file,
            None => inside.number(),
        };
        inside.at_path = Some(file);
        let description = inside.number();
        drop(inside);
        Ok(Self { kernel, file, description })
    }

    fn kernel(&self) -> MutexGuard<'_, Kernel> {
        // Files are closed also when a failure elsewhere unwinds.
        self.kernel.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn home(&self) -> Identity {
        Identity
    }

    pub(super) fn is_at(&self, _path: &Path) -> io::Result<bool> {
        Ok(self.kernel().at_path == Some(self.file))
    }

    pub(super) fn try_lock(&self, name: Name, mode: Mode) -> io::Result<bool> {
        let Self { description, file, .. } = *self;
        let mut kernel = self.kernel();
        let excludes = |lock: &Lock| {
            let both_share = mode == Mode::Shared && lock.mode == Mode::Shared;
            lock.description != description && (lock.file, lock.name) == (file, name) && !both_share
        };
        let is_free = !kernel.locks.iter().any(excludes);
        if is_free {
            kernel.locks.push(Lock { description, file, name, mode });
        }
        Ok(is_free)
    }

    pub(super) fn unlock(&self, name: Name) {
        self.kernel().locks.retain(|lock| (lock.description, lock.name) != (self.description, name));
    }

    pub(super) fn mark(&self) -> io::Result<()> {
        self.kernel().marks.push((self.description, self.file));
        Ok(())
    }

    pub(super) fn unmark(&self) {
        self.kernel().marks.retain(|(description, _)| *description != self.description);
    }

    pub(super) fn is_another_in_use(&self) -> io::Result<bool> {
        Ok(CHECKS_MARKS.get() && self.kernel().marks.iter().any(|(_, file)| *file != self.file))
    }

    pub(super) fn refresh(&self) -> io::Result<()> {
        Ok(())
    }
}
