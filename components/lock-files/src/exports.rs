//! The interface `advisory-locks`.

use alloc::format;
use alloc::rc::Rc;
use alloc::string::String;

use xxhash_rust::xxh3::xxh3_64;

use crate::bindings::exports::session3::sessions::advisory_locks as wit;
use crate::clock::Wait;
use crate::directory::{ErrorCode, LEASE, OpenError};
use crate::held::{self, Guard};
use crate::lock::{Lock, Mode};
use crate::reclaim;

/// Maximum wait for a lock in milliseconds: it leaves room for a request in the lease.
const LONGEST_WAIT: u32 = 60_000;

pub struct LockFiles;

impl wit::Guest for LockFiles {
    type Guard = Guard;

    fn acquire(name: String, mode: wit::Mode, timeout: u32) -> Result<wit::Guard, wit::Error> {
        let name = file_name(&name)?;
        let mode = mode.into();
        if held::is_full() {
            return Err(wit::Error::TooMany);
        }
        if held::is_late() {
            return Err(late());
        }
        let lock = match held::lock(&name) {
            Some(lock) if (lock.mode(), mode) == (Mode::Shared, Mode::Shared) => lock,
            Some(_) => return Err(wit::Error::Deadlock),
            None => Rc::new(acquire(&name, mode, &mut Wait::new(timeout.min(LONGEST_WAIT).into()))?),
        };
        Ok(wit::Guard::new(Guard::new(name, lock)))
    }

    fn scope() -> wit::LockScope {
        wit::LockScope::Machine
    }
}

impl wit::GuestGuard for Guard {}

/// Takes a lock that this instance does not hold, in the directory that other callers see.
fn acquire(name: &str, mode: Mode, wait: &mut Wait) -> Result<Lock, wit::Error> {
    loop {
        let directory = held::directory().map_err(unopened)?;
        if held::is_elsewhere(&directory) {
            return Err(moved());
        }
        reclaim::now_and_then(&directory);
        match Lock::acquire(directory.clone(), name.into(), mode, wait).map_err(failed)? {
            Some(lock) if lock.is_seen() => return Ok(lock),
            None if directory.is_in_place() => return Err(wit::Error::TimedOut),
            // Removed or replaced since this instance opened it.
            _ => held::forget_directory(),
        }
    }
}

impl From<wit::Mode> for Mode {
    fn from(mode: wit::Mode) -> Self {
        match mode {
            wit::Mode::Shared => Self::Shared,
            wit::Mode::Exclusive => Self::Exclusive,
        }
    }
}

/// The file name of a lock. Names with the same hash exclude each other, and an instance that acquires both gets a
/// spurious `deadlock`.
fn file_name(name: &str) -> Result<String, wit::Error> {
    if !(1..=256).contains(&name.len()) {
        return Err(wit::Error::InvalidName);
    }
    Ok(format!("{:016x}", xxh3_64(name.as_bytes())))
}

fn late() -> wit::Error {
    wit::Error::Other(format!(
        "this instance has held a lock for more than {} seconds, so its lease has expired: end the instance, and limit \
         requests to less",
        LEASE / 1000
    ))
}

fn moved() -> wit::Error {
    wit::Error::Other(
        "the directory `locks` was replaced, so the locks of this instance exclude no others: end the instance".into(),
    )
}

fn unopened(error: OpenError) -> wit::Error {
    match error {
        OpenError::NoPreopen => wit::Error::Other("there is no directory for lock files; preopen one".into()),
        OpenError::OtherLocks => wit::Error::Other(
            "this directory is locked by the command session3, which lock files do not exclude: when no session3 uses \
             it any more, remove session3.lock"
                .into(),
        ),
        OpenError::Failed(code) => failed(code),
    }
}

fn failed(code: ErrorCode) -> wit::Error {
    let why = match code {
        ErrorCode::ReadOnly | ErrorCode::NotPermitted | ErrorCode::Access => {
            "permission denied; the host must preopen the directory for writing, as its owner"
        }
        ErrorCode::InsufficientSpace | ErrorCode::Quota => "the disk or the quota is full",
        ErrorCode::NotDirectory | ErrorCode::Loop => "its path is not a directory; remove it",
        code => code.message(),
    };
    wit::Error::Other(format!("the directory `locks` of the lock files cannot be used: {why}"))
}
