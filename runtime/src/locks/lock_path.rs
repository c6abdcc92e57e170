//! The lock file that a path currently names.
//!
//! A lock excludes only locks in the same file, and the path may come to name another one when the file or its
//! directory is removed or replaced. So a lock is valid only under three conditions, and then excludes every process
//! that follows them:
//!
//! 1. It was taken in the file that this process has open.
//! 2. After that, the path still names this file. Otherwise the lock is released, and the file now at the path is
//!    opened or created.
//! 3. Before the first lock in a file, no lock is held in another file of the directory, in this process or another:
//!    existing ones there are waited for. No new ones are granted there, because of 2.

use super::error::{Error, Mode};
use super::lock_file::{Identity, LockFile, Usage};
use super::name::Name;
use super::sync::{Mutex, MutexGuard, sleep_until};
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// The first and the longest pause between attempts to get a lock held by another process. Tokio has millisecond
/// timers.
const FIRST_PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(10);

/// How often the mtime of a file in use is updated. Cleaners of old files count in days.
const REFRESH: Duration = Duration::from_secs(3600);

pub(super) struct LockPath {
    path: PathBuf,
    usage: Usage,
    current: Mutex<Current>,
}

struct Current {
    file: Arc<OpenFile>,
    /// Whether the failure to open a replacement has been logged.
    is_error_logged: bool,
}

impl LockPath {
    pub(super) fn open(path: &Path, usage: Usage) -> io::Result<Self> {
        let file = OpenFile::open(path, usage)?;
        Ok(Self {
            path: path.into(),
            usage,
            current: Mutex::new(Current { file: Arc::new(file), is_error_logged: false }),
        })
    }

    /// Whether other processes on this machine share the file and are excluded name by name.
    pub(super) fn is_shared(&self) -> bool {
        self.usage == Usage::Shared
    }

    /// The directory that the path currently leads to, if any.
    pub(super) fn home(&self) -> Option<Identity> {
        Identity::of_home(&self.path).ok()
    }

    /// Take a lock for this process, for an instance whose directory is `home`. All holders in the table share one file
    /// lock: a shared lock that the process already has is granted at once.
    pub(super) async fn lock(
        &self,
        name: Name,
        mode: Mode,
        home: Option<Identity>,
        deadline: Instant,
    ) -> Result<Held, Error> {
        let mut pause = FIRST_PAUSE;
        loop {
            if let Some(held) = self.try_lock(name, mode).map_err(Error::LockFile)? {
                return if Some(held.file.file.home()) == home { Ok(held) } else { Err(Error::Moved) };
            }
            let now = Instant::now();
            if now >= deadline {
                return Err(Error::TimedOut);
            }
            sleep_until(deadline.min(now + pause + jitter(pause))).await;
            pause = LONGEST_PAUSE.min(pause * 2);
        }
    }

    /// `None` if it is not free right now.
    fn try_lock(&self, name: Name, mode: Mode) -> io::Result<Option<Held>> {
        let mut file = self.current().file.clone();
        loop {
            let held = Held::try_take(&file, name, mode)?;
            if file.file.is_at(&self.path)? {
                return Ok(held);
            }
            drop(held);
            file = self.reopen(file)?;
        }
    }

    /// Replace this file by the one now at the path, unless another thread already has.
    fn reopen(&self, old: Arc<OpenFile>) -> io::Result<Arc<OpenFile>> {
        let mut current = self.current();
        if Arc::ptr_eq(&current.file, &old) {
            match OpenFile::open(&self.path, self.usage) {
                Ok(file) => *current = Current { file: Arc::new(file), is_error_logged: false },
                Err(error) => {
                    if !std::mem::replace(&mut current.is_error_logged, true) {
                        tracing::error!(
                            "cannot lock: {} was removed or replaced, and the current one cannot be used: {error}",
                            self.path.display()
                        );
                    }
                    return Err(error);
                }
            }
            tracing::warn!(
                "{} was removed or replaced; locks are taken in the current file, once those in the old one are \
                 released",
                self.path.display()
            );
        }
        Ok(current.file.clone())
    }

    fn current(&self) -> MutexGuard<'_, Current> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An open lock file, and the locks that this process holds in it.
struct OpenFile {
    file: LockFile,
    state: Mutex<State>,
}

struct State {
    /// The number of holders of each name.
    held: HashMap<Name, usize>,
    /// Whether all locks in other files have been released.
    is_settled: bool,
    /// Whether locks in another file have been logged.
    is_logged: bool,
    refreshed: Instant,
}

impl OpenFile {
    fn open(path: &Path, usage: Usage) -> io::Result<Self> {
        let file = LockFile::open(path, usage)?;
        let state = State { held: HashMap::new(), is_settled: false, is_logged: false, refreshed: Instant::now() };
        let opened = Self { file, state: Mutex::new(state) };
        opened.refresh();
        Ok(opened)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A failure does not prevent locking.
    fn refresh(&self) {
        if let Err(error) = self.file.refresh() {
            tracing::debug!("cannot update the mtime of the lock file: {error}");
        }
    }
}

/// A lock in the file for one holder in the table, released on drop.
pub(super) struct Held {
    file: Arc<OpenFile>,
    name: Name,
}

impl Held {
    fn try_take(file: &Arc<OpenFile>, name: Name, mode: Mode) -> io::Result<Option<Self>> {
        let mut state = file.state();
        if !state.is_settled {
            if file.file.is_another_in_use()? {
                if !std::mem::replace(&mut state.is_logged, true) {
                    tracing::warn!("waiting for locks in a lock file that is no longer at its path");
                }
                return Ok(None);
            }
            state.is_settled = true;
        }
        match state.held.get_mut(&name) {
            Some(_) if mode == Mode::Exclusive => return Ok(None),
            Some(holders) => *holders += 1,
            None => {
                if !file.file.try_lock(name, mode)? {
                    return Ok(None);
                }
                if state.held.is_empty()
                    && let Err(error) = file.file.mark()
                {
                    file.file.unlock(name);
                    return Err(error);
                }
                state.held.insert(name, 1);
            }
        }
        let now = Instant::now();
        if now.duration_since(state.refreshed) >= REFRESH {
            state.refreshed = now;
            file.refresh();
        }
        Ok(Some(Self { file: file.clone(), name }))
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut state = self.file.state();
        let Some(holders) = state.held.get_mut(&self.name) else { return };
        *holders -= 1;
        if *holders == 0 {
            state.held.remove(&self.name);
            self.file.file.unlock(self.name);
            if state.held.is_empty() {
                self.file.file.unmark();
            }
        }
    }
}

/// Up to a quarter more, so that processes do not retry in step.
fn jitter(pause: Duration) -> Duration {
    let random = RandomState::new().hash_one(()) % 256;
    pause * random as u32 / 1024
}
