//! Locks between processes: one byte of one file for each name.
//!
//! Open file description locks (`F_OFD_SETLK`) belong to the file opened here. The kernel releases them when it is
//! closed, so also when the process is killed. Another opening of the same file, in this process or another, is
//! excluded; a program that is started from here inherits nothing (`O_CLOEXEC`).

use super::error::{Error, Mode};
use super::name::Name;
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;
use std::fs::{File, OpenOptions};
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// The pauses between two looks at a lock of another process: at first, and at most. Tokio counts in milliseconds.
const FIRST_PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(10);

/// A byte that no name has: names are below 2^62.
const PROBE: i64 = 1 << 62;

pub(super) struct LockFile(File);

impl LockFile {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            // std adds O_CLOEXEC. A link could point to a file whose locks mean something else.
            .custom_flags(libc::O_NOFOLLOW)
            .open(path)?;
        let file = Self(file);
        // A file system without locks should fail here and not at the first session.
        file.set(PROBE, libc::F_RDLCK)?;
        file.set(PROBE, libc::F_UNLCK)?;
        Ok(file)
    }

    /// Take the lock for this process. It is one lock for all its holders in the table: who asks again in the
    /// mode that the process has already gets it at once.
    pub(super) async fn lock(&self, name: Name, mode: Mode, deadline: Instant) -> Result<(), Error> {
        let mut pause = FIRST_PAUSE;
        while !self.try_lock(name, mode).map_err(Error::LockFile)? {
            let now = Instant::now();
            if now >= deadline {
                return Err(Error::TimedOut);
            }
            sleep_until(deadline.min(now + pause + jitter(pause))).await;
            pause = LONGEST_PAUSE.min(pause * 2);
        }
        Ok(())
    }

    /// Give the lock back, whether or not this process has it.
    pub(super) fn unlock(&self, name: Name) {
        if let Err(error) = self.set(offset(name), libc::F_UNLCK) {
            tracing::error!(%error, "a lock stays locked for other processes until this one ends");
        }
    }

    /// Says whether the lock was to be had.
    fn try_lock(&self, name: Name, mode: Mode) -> io::Result<bool> {
        let kind = match mode {
            Mode::Shared => libc::F_RDLCK,
            Mode::Exclusive => libc::F_WRLCK,
        };
        match self.set(offset(name), kind) {
            Ok(()) => Ok(true),
            Err(Errno::EAGAIN | Errno::EACCES) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    fn set(&self, offset: i64, kind: libc::c_int) -> nix::Result<()> {
        let range = libc::flock {
            l_type: kind as libc::c_short,
            l_whence: libc::SEEK_SET as libc::c_short,
            l_start: offset,
            l_len: 1,
            l_pid: 0,
        };
        fcntl(&self.0, FcntlArg::F_OFD_SETLK(&range)).map(drop)
    }
}

fn offset(name: Name) -> i64 {
    name.hash().cast_signed()
}

/// Up to a quarter more, so that processes do not look in step.
fn jitter(pause: Duration) -> Duration {
    let random = RandomState::new().hash_one(()) % 256;
    pause * random as u32 / 1024
}
