use super::error::{Error, Mode};
use super::lock_file::{Identity, Usage};
use super::lock_path::{Held, LockPath};
use super::name::Name;
use super::sync::{Mutex, MutexGuard};
use super::table::{Owner, Table, Ticket};
use std::io;
use std::path::Path;
use std::sync::{Arc, PoisonError};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};

/// The locks that a group of instances share. Clones are cheap and refer to the same space.
///
/// Waiters for a name are served in order of arrival. A waiting reader does not overtake a waiting writer. A wait
/// blocks no thread.
#[derive(Clone)]
pub struct LockSpace(Arc<Inner>);

struct Inner {
    table: Mutex<Table>,
    file: Option<LockPath>,
}

impl LockSpace {
    /// Locks for the instances of this process (the scope is `process`).
    pub fn process() -> Self {
        Self::with(None)
    }

    /// Locks for all processes on this machine that open the same lock file (the scope is `machine`).
    ///
    /// The file is created if missing, accessible to its owner only, and stays empty: each name is a byte range lock at
    /// a hash of the name. Keep it beside the data it protects, on a local file system. Its mtime is kept fresh.
    ///
    /// When the file is removed or replaced, locks are taken in the new one, once those in the old one are released.
    /// When its directory is replaced, existing instances get no more locks. Both are logged.
    ///
    /// Between processes the kernel guarantees no order, and deadlocks are not detected: they end by timeout. When a
    /// process dies, its locks are released.
    ///
    /// # Errors
    ///
    /// Any error of opening the file, where symbolic links are not followed, or of a file system without locks.
    /// [`io::ErrorKind::ResourceBusy`] if another process uses the file [`alone`](Self::alone), or if there is a
    /// directory `locks` beside it, where hosts without such locks keep lock files. [`io::ErrorKind::Unsupported`]
    /// except on 64-bit Linux.
    pub fn machine(lock_file: impl AsRef<Path>) -> io::Result<Self> {
        LockPath::open(lock_file.as_ref(), Usage::Shared).map(Some).map(Self::with)
    }

    /// Locks for the instances of this process (the scope is `process`) that exclude all other processes from the lock
    /// file, whether shared or alone.
    ///
    /// # Errors
    ///
    /// As for [`machine`](Self::machine); [`io::ErrorKind::ResourceBusy`] also if other processes use the file.
    pub fn alone(lock_file: impl AsRef<Path>) -> io::Result<Self> {
        LockPath::open(lock_file.as_ref(), Usage::Alone).map(Some).map(Self::with)
    }

    fn with(file: Option<LockPath>) -> Self {
        Self(Arc::new(Inner { table: Mutex::default(), file }))
    }

    pub(super) fn is_machine_wide(&self) -> bool {
        self.0.file.as_ref().is_some_and(LockPath::is_shared)
    }

    /// The current directory of the lock file.
    pub(super) fn home(&self) -> Option<Identity> {
        self.0.file.as_ref().and_then(LockPath::home)
    }

    /// Take a lock, waiting at most `wait`.
    ///
    /// The table comes first, so that one instance of this process at a time tries the file lock, and the others queue
    /// in order behind it.
    pub(super) async fn acquire(&self, request: Request, wait: Duration) -> Result<Place, Error> {
        let deadline = Instant::now() + wait;
        let Request { name, mode, home, .. } = request;
        let (mut place, granted) = self.enter(request, wait)?;
        if let Some(granted) = granted {
            let Ok(Ok(())) = timeout_at(deadline, granted).await else {
                return Err(Error::TimedOut);
            };
        }
        if let Some(file) = &self.0.file {
            place.held = Some(file.lock(name, mode, home, deadline).await?);
        }
        Ok(place)
    }

    /// Take a place: as a holder at once, or behind the waiters.
    fn enter(&self, request: Request, wait: Duration) -> Result<(Place, Option<oneshot::Receiver<()>>), Error> {
        let Request { owner, name, mode, max_waiters, .. } = request;
        let mut table = self.table();
        if let Some(ticket) = table.take(owner, name, mode) {
            return Ok((self.place(name, ticket), None));
        }
        if table.would_deadlock(owner, name) {
            return Err(Error::Deadlock);
        }
        if wait.is_zero() {
            return Err(Error::TimedOut);
        }
        if table.waiters(name) >= max_waiters {
            return Err(Error::TooMany);
        }
        let (ticket, granted) = table.enqueue(owner, name, mode);
        Ok((self.place(name, ticket), Some(granted)))
    }

    fn place(&self, name: Name, ticket: Ticket) -> Place {
        Place { space: self.clone(), name, ticket, held: None }
    }

    pub(super) fn table(&self) -> MutexGuard<'_, Table> {
        // Nothing panics while the table is locked, and a drop must not panic.
        self.0.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request for a lock.
#[derive(Clone, Copy)]
pub(super) struct Request {
    pub(super) owner: Owner,
    /// The owner's directory, if there is a lock file.
    pub(super) home: Option<Identity>,
    pub(super) name: Name,
    pub(super) mode: Mode,
    /// Fail at once behind this many waiters.
    pub(super) max_waiters: usize,
}

/// A place in the queue of a name, waiting or holding. Dropping it releases it.
///
/// A wait that is dropped just as it is granted is already a holder in the table, and dropping the place releases it
/// like any other: no grant is lost.
pub(crate) struct Place {
    space: LockSpace,
    name: Name,
    ticket: Ticket,
    /// The file lock, once taken.
    held: Option<Held>,
}

impl Place {
    pub(super) fn ticket(&self) -> Ticket {
        self.ticket
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut table = self.space.table();
        table.leave(self.name, self.ticket);
        // At every hand-over, so that other processes get a turn; and before `grant`, as the next holder takes the file
        // lock without the table.
        self.held = None;
        table.grant(self.name);
    }
}
