//! The lock file that a path names now.
//!
//! A lock excludes those who lock in the same file, and the file at a path may be another one later: somebody removed
//! it, or replaced its directory. So a lock counts when three things hold, and then excludes all who follow the rules:
//!
//! 1. It was taken in the file that this process has open.
//! 2. After that, the path still names this file. Otherwise the lock is given back, and the file that is there now is
//!    opened, or made.
//! 3. Before the first lock in a file, nobody held one in another file of the directory, in this process or another:
//!    what was granted there is waited for. None can be granted there any more, because of 2.

use super::error::{Error, Mode};
use super::machine::{Identity, LockFile, Usage};
use super::name::Name;
use super::sync::{Mutex, MutexGuard, sleep_until};
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// The pauses between two looks at a lock of another process: at first, and at most. Tokio counts in milliseconds.
const FIRST_PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(10);

/// A file in use is stamped with the time so often. Those who remove old files count in days.
const REFRESH: Duration = Duration::from_secs(3600);

pub(super) struct LockPath {
    path: PathBuf,
    usage: Usage,
    now: Mutex<Now>,
}

struct Now {
    file: Arc<OpenFile>,
    /// Whether it has been said that there is none that can be used.
    is_missing: bool,
}

impl LockPath {
    pub(super) fn open(path: &Path, usage: Usage) -> io::Result<Self> {
        let file = OpenFile::open(path, usage)?;
        Ok(Self { path: path.into(), usage, now: Mutex::new(Now { file: Arc::new(file), is_missing: false }) })
    }

    /// Whether others on this machine are excluded name by name.
    pub(super) fn is_shared(&self) -> bool {
        self.usage == Usage::Shared
    }

    /// The directory that the path leads to now; none when there is none.
    pub(super) fn home(&self) -> Option<Identity> {
        Identity::of_home(&self.path).ok()
    }

    /// Take a lock for this process, for an instance that works in this directory. It is one lock for all its holders
    /// in the table: who asks for a shared one that the process has already gets it at once.
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

    /// None when it is not to be had at this moment.
    fn try_lock(&self, name: Name, mode: Mode) -> io::Result<Option<Held>> {
        let mut file = self.now().file.clone();
        loop {
            let held = Held::try_take(&file, name, mode)?;
            if file.file.is_at(&self.path)? {
                return Ok(held);
            }
            drop(held);
            file = self.open_again(file)?;
        }
    }

    /// Open what is at the path now instead of this file, unless another thread has done it.
    fn open_again(&self, old: Arc<OpenFile>) -> io::Result<Arc<OpenFile>> {
        let mut now = self.now();
        if Arc::ptr_eq(&now.file, &old) {
            match OpenFile::open(&self.path, self.usage) {
                Ok(file) => *now = Now { file: Arc::new(file), is_missing: false },
                Err(error) => {
                    if !std::mem::replace(&mut now.is_missing, true) {
                        tracing::error!(
                            "no lock can be had: {} was removed or replaced, and cannot be used as it is now: {error}",
                            self.path.display()
                        );
                    }
                    return Err(error);
                }
            }
            tracing::warn!(
                "{} was removed or replaced; locks are taken in the file that is there now, when those in the old one \
                 have been given back",
                self.path.display()
            );
        }
        Ok(now.file.clone())
    }

    fn now(&self) -> MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A lock file, open, and what this process holds in it.
struct OpenFile {
    file: LockFile,
    state: Mutex<State>,
}

struct State {
    /// How many hold each name.
    held: HashMap<Name, usize>,
    /// Whether nobody is left who holds locks in another file.
    is_settled: bool,
    /// Whether it has been said that somebody is.
    is_told: bool,
    refreshed: Instant,
}

impl OpenFile {
    fn open(path: &Path, usage: Usage) -> io::Result<Self> {
        let file = LockFile::open(path, usage)?;
        let state = State { held: HashMap::new(), is_settled: false, is_told: false, refreshed: Instant::now() };
        let opened = Self { file, state: Mutex::new(state) };
        opened.refresh();
        Ok(opened)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// That the stamp is old is no reason to give no lock.
    fn refresh(&self) {
        if let Err(error) = self.file.refresh() {
            tracing::debug!("the lock file keeps its old time stamp: {error}");
        }
    }
}

/// A lock in a file, held for one in the table until this is dropped.
pub(super) struct Held {
    file: Arc<OpenFile>,
    name: Name,
}

impl Held {
    fn try_take(file: &Arc<OpenFile>, name: Name, mode: Mode) -> io::Result<Option<Self>> {
        let mut state = file.state();
        if !state.is_settled {
            if file.file.is_another_in_use()? {
                if !std::mem::replace(&mut state.is_told, true) {
                    tracing::warn!(
                        "others hold locks in a lock file that is not at its path any more: they are waited for"
                    );
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

/// Up to a quarter more, so that processes do not look in step.
fn jitter(pause: Duration) -> Duration {
    let random = RandomState::new().hash_one(()) % 256;
    pause * random as u32 / 1024
}
