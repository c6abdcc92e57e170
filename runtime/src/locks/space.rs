use super::error::{Error, Mode};
use super::machine::LockFile;
use super::name::Name;
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
    file: Option<LockFile>,
}

impl LockSpace {
    /// Locks for the instances of this process (the scope is `process`).
    pub fn process() -> Self {
        Self::with(None)
    }

    /// Locks for all processes on this machine that open the same lock file (the scope is `machine`).
    ///
    /// The file is created if missing, readable for its owner only, and stays empty: a name is one byte range lock in
    /// it, at a hash of the name. It must stay in place while a process uses it: who finds another file there shares
    /// nothing with the others. So keep it where no guest can reach it, on a file system of this machine.
    ///
    /// Between processes the kernel promises no order, and nobody looks for deadlocks: those end by time-out. When a
    /// process dies, its locks are free.
    ///
    /// # Errors
    ///
    /// What opening the file answers; a symbolic link is not followed. What its file system answers if it has
    /// no locks. [`io::ErrorKind::Unsupported`] except on 64-bit Linux.
    pub fn machine(lock_file: impl AsRef<Path>) -> io::Result<Self> {
        LockFile::open(lock_file.as_ref()).map(Some).map(Self::with)
    }

    fn with(file: Option<LockFile>) -> Self {
        Self(Arc::new(Inner { table: Mutex::default(), file }))
    }

    pub(super) fn is_machine_wide(&self) -> bool {
        self.0.file.is_some()
    }

    /// Take a lock, waiting at most so long.
    ///
    /// The table comes first, so that one instance of this process at a time asks for the lock of the process, and
    /// the others stand in order behind it.
    pub(super) async fn acquire(&self, request: Request, wait: Duration) -> Result<Place, Error> {
        let deadline = Instant::now() + wait;
        let name = request.name;
        let (place, granted) = self.enter(request, wait)?;
        if let Some(granted) = granted {
            let Ok(Ok(())) = timeout_at(deadline, granted).await else {
                return Err(Error::TimedOut);
            };
        }
        if let Some(file) = &self.0.file {
            file.lock(name, request.mode, deadline).await?;
        }
        Ok(place)
    }

    /// Take a place: at once, or behind those who wait.
    fn enter(&self, request: Request, wait: Duration) -> Result<(Place, Option<oneshot::Receiver<()>>), Error> {
        let Request { owner, name, mode, max_waiters } = request;
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
        Place { space: self.clone(), name, ticket }
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
}

impl Place {
    pub(super) fn ticket(&self) -> Ticket {
        self.ticket
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut table = self.space.table();
        let abandoned = table.leave(self.name, self.ticket);
        if abandoned && let Some(file) = &self.space.0.file {
            // At every hand-over, so that other processes get a chance; and before `grant`, as the next holder
            // locks without the table, and this must not take its lock away.
            file.unlock(self.name);
        }
        table.grant(self.name);
    }
}
