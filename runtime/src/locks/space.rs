use super::error::{Error, Mode};
use super::machine::{Identity, Usage};
use super::name::Name;
use super::path::{Held, LockPath};
use super::sync::{Mutex, MutexGuard};
use super::table::{Owner, Table, Ticket};
use std::io;
use std::path::Path;
use std::sync::{Arc, PoisonError};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};

/// The locks that a group of instances share. Clones are the same space; cheap to clone.
///
/// Those who wait for a name are served in the order in which they came. A waiting reader does not overtake a
/// waiting writer. A wait blocks no thread.
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
    /// The file is created if missing, readable for its owner only, and stays empty: a name is one byte range lock in
    /// it, at a hash of the name. Keep it beside what the locks are for, on a file system of this machine. Its time
    /// stamp is kept fresh.
    ///
    /// When the file is removed or replaced, locks are taken in the one that is there then, as soon as those in the old
    /// one have been given back. When its directory is replaced, instances that were made before get no locks any more.
    /// Both are logged.
    ///
    /// Between processes the kernel promises no order, and nobody looks for deadlocks: those end by time-out. When a
    /// process dies, its locks are free.
    ///
    /// # Errors
    ///
    /// What opening the file answers; a symbolic link is not followed. What its file system answers if it has
    /// no locks. [`io::ErrorKind::ResourceBusy`] when another process has the file [`alone`](Self::alone), or when
    /// there is a directory `locks` beside it: in there hosts lock that cannot use lock files of the system.
    /// [`io::ErrorKind::Unsupported`] except on 64-bit Linux.
    pub fn machine(lock_file: impl AsRef<Path>) -> io::Result<Self> {
        LockPath::open(lock_file.as_ref(), Usage::Shared).map(Some).map(Self::with)
    }

    /// Locks for the instances of this process (the scope is `process`), where no other process may work: it cannot
    /// use this lock file meanwhile, neither with others nor alone.
    ///
    /// # Errors
    ///
    /// As for [`machine`](Self::machine); [`io::ErrorKind::ResourceBusy`] also when other processes use the file.
    pub fn alone(lock_file: impl AsRef<Path>) -> io::Result<Self> {
        LockPath::open(lock_file.as_ref(), Usage::Alone).map(Some).map(Self::with)
    }

    fn with(file: Option<LockPath>) -> Self {
        Self(Arc::new(Inner { table: Mutex::default(), file }))
    }

    pub(super) fn is_machine_wide(&self) -> bool {
        self.0.file.as_ref().is_some_and(LockPath::is_shared)
    }

    /// The directory that the lock file is in now.
    pub(super) fn home(&self) -> Option<Identity> {
        self.0.file.as_ref().and_then(LockPath::home)
    }

    /// Take a lock, waiting at most so long.
    ///
    /// The table comes first, so that one instance of this process at a time asks for the lock of the process, and
    /// the others stand in order behind it.
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

    /// Take a place: at once, or behind those who wait.
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
        // Nothing panics while the table is locked; and a drop must not panic.
        self.0.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Who asks for what.
#[derive(Clone, Copy)]
pub(super) struct Request {
    pub(super) owner: Owner,
    /// The directory that it works in, if there is a lock file.
    pub(super) home: Option<Identity>,
    pub(super) name: Name,
    pub(super) mode: Mode,
    /// Give up at once when so many wait for the name already.
    pub(super) max_waiters: usize,
}

/// A place at a name, waiting or holding. Dropping it gives it up.
///
/// A wait that is dropped just when it is granted has become a holder in the table, and dropping the place releases
/// it like any other: no grant is lost.
pub(super) struct Place {
    space: LockSpace,
    name: Name,
    ticket: Ticket,
    /// The lock of this process, when it has it.
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
        // At every hand-over, so that other processes get a chance; and before `grant`, as the next holder locks
        // without the table.
        self.held = None;
        table.grant(self.name);
    }
}
