//! A lock that this instance holds.

use alloc::format;
use alloc::rc::Rc;
use alloc::string::String;
use core::mem;

use crate::chain::{self, Generation};
use crate::clock::{Milliseconds, Wait, now};
use crate::directory::{Directory, ErrorCode, LEASE};
use crate::{random, readers};

/// How a lock excludes others.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Others of this mode may hold it, too.
    Shared,
    /// Alone.
    Exclusive,
}

/// A lock, held until dropped.
pub struct Lock {
    directory: Rc<Directory>,
    name: String,
    hold: Hold,
    /// When its lease began, or a little earlier.
    since: Milliseconds,
}

enum Hold {
    Exclusive(Generation),
    Shared(String),
}

impl Lock {
    /// Wait for a lock. None when the time is up.
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

    /// How it excludes others.
    pub fn mode(&self) -> Mode {
        match self.hold {
            Hold::Exclusive(_) => Mode::Exclusive,
            Hold::Shared(_) => Mode::Shared,
        }
    }

    /// Whether others may count it as abandoned soon.
    pub fn is_over(&self) -> bool {
        now().saturating_sub(self.since) >= LEASE
    }

    /// The directory that it is in.
    pub fn directory(&self) -> &Rc<Directory> {
        &self.directory
    }

    /// Whether others who ask now find it.
    pub fn is_seen(&self) -> bool {
        self.directory.shows(&match &self.hold {
            Hold::Exclusive(generation) => chain::path(&self.name, generation),
            Hold::Shared(reader) => readers::path(&self.name, reader),
        })
    }

    /// Says whether all readers left in time. After a wait for them the lease begins again.
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

    /// Become one of the shared holders.
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
    /// An error has nobody to go to, and its lock is free when the lease is over. After that the file of an exclusive
    /// holder is what makes the next generation valid, and stays.
    fn drop(&mut self) {
        let over = self.is_over();
        let _ = match mem::replace(&mut self.hold, Hold::Shared(String::new())) {
            Hold::Exclusive(_) if over => Ok(()),
            Hold::Exclusive(generation) => chain::give_back(&*self.directory, &self.name, generation),
            Hold::Shared(reader) => readers::leave(&*self.directory, &self.name, &reader),
        };
    }
}
