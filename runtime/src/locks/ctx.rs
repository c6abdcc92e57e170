use super::error::{Error, Mode};
use super::machine::Identity;
use super::name::Name;
use super::space::{LockSpace, Place, Request};
use super::table::{Owner, Ticket};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use wasmtime::component::ResourceTable;

/// One instance as the owner of its locks: one for each [`Store`](wasmtime::Store), inside the store's data.
///
/// Dropping it, with the store, releases all of them, and guards that are left are without effect.
pub struct LocksCtx {
    space: LockSpace,
    owner: Owner,
    /// Where the lock file was when the instance began.
    home: Option<Identity>,
    /// What is held, by the ticket in the guard. It is here and not in the guard so that it ends with the instance,
    /// whatever becomes of the resource table.
    held: HashMap<Ticket, Place>,
    limits: Limits,
    waited: Option<WaitObserver>,
}

/// Is told how long an instance waited.
type WaitObserver = Arc<dyn Fn(Duration) + Send + Sync>;

#[derive(Clone, Copy)]
struct Limits {
    held: usize,
    waiters: usize,
    wait: Duration,
}

/// The host's side of the resource `guard`: which of the instance's locks it is.
pub struct Guard(Ticket);

impl LocksCtx {
    /// An owner of locks in `space`, with the limits that [`LocksCtxBuilder::new`] begins with.
    pub fn new(space: &LockSpace) -> Self {
        LocksCtxBuilder::new(space).build()
    }

    pub(super) fn space(&self) -> &LockSpace {
        &self.space
    }

    /// `&mut`, so an instance waits for one lock at a time; the search for deadlocks relies on it.
    pub(super) async fn acquire(&mut self, name: &str, mode: Mode, wait: Duration) -> Result<Place, Error> {
        let name = Name::parse(name).ok_or(Error::InvalidName)?;
        if self.held.len() >= self.limits.held {
            return Err(Error::TooMany);
        }
        let Self { owner, home, .. } = *self;
        let request = Request { owner, home, name, mode, max_waiters: self.limits.waiters };
        let start = Instant::now();
        let answer = self.space.acquire(request, wait.min(self.limits.wait)).await;
        if let Some(waited) = &self.waited {
            waited(start.elapsed());
        }
        answer
    }

    pub(super) fn hold(&mut self, place: Place) -> Guard {
        let ticket = place.ticket();
        self.held.insert(ticket, place);
        Guard(ticket)
    }

    pub(super) fn release(&mut self, guard: Guard) {
        self.held.remove(&guard.0);
    }
}

/// Makes a [`LocksCtx`] with limits other than the default ones, or one whose waits are measured.
pub struct LocksCtxBuilder {
    space: LockSpace,
    limits: Limits,
    waited: Option<WaitObserver>,
}

impl LocksCtxBuilder {
    /// An instance that may hold 64 locks, wait behind 1024 others for each, and wait 60 seconds.
    pub fn new(space: &LockSpace) -> Self {
        let limits = Limits { held: 64, waiters: 1024, wait: Duration::from_secs(60) };
        Self { space: space.clone(), limits, waited: None }
    }

    /// The most locks the instance may hold at once; for one more it gets `too-many`.
    pub fn max_held(mut self, locks: usize) -> Self {
        self.limits.held = locks;
        self
    }

    /// The most instances that may wait for a name; when there are so many, this one gets `too-many`.
    pub fn max_waiters(mut self, instances: usize) -> Self {
        self.limits.waiters = instances;
        self
    }

    /// The longest wait for a lock; the instance's own time-out is cut to it.
    pub fn max_wait(mut self, wait: Duration) -> Self {
        self.limits.wait = wait;
        self
    }

    /// Who is told how long each lock took to get, or to be refused; next to nothing when it was free. Waits that are
    /// given up with the instance are not told. It must not wait itself.
    pub fn observe_waits(mut self, waited: impl Fn(Duration) + Send + Sync + 'static) -> Self {
        self.waited = Some(Arc::new(waited));
        self
    }

    /// The owner. It is a new one, and excludes every other, even from the same thread.
    ///
    /// To be made before the instance's directory is opened: when the directory that a lock file is in is replaced,
    /// instances whose owners were made before get no locks any more, for they would be those of another directory.
    pub fn build(self) -> LocksCtx {
        let Self { space, limits, waited } = self;
        let home = space.home();
        LocksCtx { space, owner: Owner::new(), home, held: HashMap::new(), limits, waited }
    }
}

/// What the host functions work on, borrowed from the data of a [`Store`](wasmtime::Store).
pub struct Locks<'a> {
    /// The instance's locks.
    pub ctx: &'a mut LocksCtx,
    /// Where the instance's resources are, the guards among them.
    pub table: &'a mut ResourceTable,
}

/// Says where in the data of a [`Store`](wasmtime::Store) the locks are.
pub trait LocksView: Send {
    /// Borrow them.
    fn locks(&mut self) -> Locks<'_>;
}
