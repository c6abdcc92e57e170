//! A lock held by this instance.

use alloc::format;
use alloc::rc::Rc;
use alloc::string::String;
use core::mem;

use crate::chain::{self, Generation};
use crate::clock::{Milliseconds, Wait, now};
use crate::directory::{Directory, ErrorCode, LEASE};
use crate::{random, readers};

/// How a lock excludes other holders.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Any number of shared holders.
    Shared,
    /// One holder.
    Exclusive,
}

/// A lock, held until dropped.
pub struct Lock {
    directory: Rc<Directory>,
    name: String,
    hold: Hold,
    /// When its lease started, or slightly earlier.
    since: Milliseconds,
}

enum Hold {
    Exclusive(Generation),
    Shared(String),
}

impl Lock {
    /// Waits for a lock. None on timeout.
    pub fn acquire(
        directory: Rc<Directory>,
        name: String,
        mode: Mode,
        wait: &mut Wait,
    ) -> Result<Option<Self>, ErrorCode> {
        let mut since = 0;
        let taken = wait.until(|| {
            since = now();
            chain::try_take(&*directory, &name)
        })?;
        let Some(generation) = taken else { return Ok(None) };
        let mut lock = Self { directory, name, hold: Hold::Exclusive(generation), since };
        match mode {
            Mode::Exclusive => Ok(lock.outwait_readers(wait)?.then_some(lock)),
            Mode::Shared => lock.share().map(|()| Some(lock)),
        }
    }

    /// How it excludes other holders.
    pub fn mode(&self) -> Mode {
        match self.hold {
            Hold::Exclusive(_) => Mode::Exclusive,
            Hold::Shared(_) => Mode::Shared,
        }
    }

    /// Whether other callers may soon count it as abandoned.
    pub fn is_over(&self) -> bool {
        now().saturating_sub(self.since) >= LEASE
    }

    /// The directory of its file.
    pub fn directory(&self) -> &Rc<Directory> {
        &self.directory
    }

    /// Whether other callers now see it.
    pub fn is_seen(&self) -> bool {
        self.directory.shows(&match &self.hold {
            Hold::Exclusive(generation) => chain::path(&self.name, generation),
            Hold::Shared(reader) => readers::path(&self.name, reader),
        })
    }

    /// Waits for the readers; returns whether all left in time. The lease then restarts.
    fn outwait_readers(&mut self, wait: &mut Wait) -> Result<bool, ErrorCode> {
        let Hold::Exclusive(generation) = &self.hold else { return Ok(true) };
        if readers::are_gone(&*self.directory, &self.name)? {
            return Ok(true);
        }
        let left = wait.until(|| Ok(readers::are_gone(&*self.directory, &self.name)?.then_some(())))?.is_some();
        if left {
            self.since = now();
            chain::renew(&*self.directory, &self.name, generation)?;
        }
        Ok(left)
    }

    /// Joins the shared holders.
    fn share(&mut self) -> Result<(), ErrorCode> {
        let reader = format!("{:016x}", random::number());
        self.since = now();
        readers::enter(&*self.directory, &self.name, &reader)?;
        match mem::replace(&mut self.hold, Hold::Shared(reader)) {
            Hold::Exclusive(generation) => chain::give_back(&*self.directory, &self.name, generation),
            Hold::Shared(_) => Ok(()),
        }
    }
}

impl Drop for Lock {
    /// Errors are ignored: the lock is free when the lease expires. After that, the file of an exclusive holder makes
    /// the next generation valid, and stays.
    fn drop(&mut self) {
        let over = self.is_over();
        let _ = match mem::replace(&mut self.hold, Hold::Shared(String::new())) {
            Hold::Exclusive(_) if over => Ok(()),
            Hold::Exclusive(generation) => chain::give_back(&*self.directory, &self.name, generation),
            Hold::Shared(reader) => readers::leave(&*self.directory, &self.name, &reader),
        };
    }
}
