use super::error::{Error, Mode};
use super::lock_file::Identity;
use super::name::Name;
use super::space::{LockSpace, Place, Request};
use super::table::{Owner, Ticket};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use wasmtime::component::ResourceTable;

/// The locks of one instance: one per [`Store`](wasmtime::Store), inside the store's data.
///
/// Dropping it, with the store, releases all of them; remaining guards have no effect.
pub struct LocksCtx {
    space: LockSpace,
    owner: Owner,
    /// The directory of the lock file when the instance was created.
    home: Option<Identity>,
    /// The locks held, by the ticket in the guard. Kept here rather than in the guard so that they end with the
    /// instance, whatever happens to the resource table.
    held: HashMap<Ticket, Place>,
    limits: Limits,
    observer: Option<WaitObserver>,
}

/// Receives the time of each wait.
type WaitObserver = Arc<dyn Fn(Duration) + Send + Sync>;

#[derive(Clone, Copy)]
struct Limits {
    held: usize,
    waiters: usize,
    wait: Duration,
}

/// The host's representation of the resource `guard`: identifies one of the instance's locks.
pub struct Guard(Ticket);

impl LocksCtx {
    /// Locks in `space`, with the default limits of [`LocksCtxBuilder::new`].
    pub fn new(space: &LockSpace) -> Self {
        LocksCtxBuilder::new(space).build()
    }

    /// How many locks the instance holds.
    pub fn held(&self) -> usize {
        self.held.len()
    }

    pub(super) fn space(&self) -> &LockSpace {
        &self.space
    }

    /// `&mut`, so an instance waits for one lock at a time; deadlock detection relies on it.
    pub(crate) async fn acquire(&mut self, name: &str, mode: Mode, wait: Duration) -> Result<Place, Error> {
        let name = Name::parse(name).ok_or(Error::InvalidName)?;
        if self.held.len() >= self.limits.held {
            return Err(Error::TooMany);
        }
        let Self { owner, home, .. } = *self;
        let request = Request { owner, home, name, mode, max_waiters: self.limits.waiters };
        let start = Instant::now();
        let result = self.space.acquire(request, wait.min(self.limits.wait)).await;
        if let Some(observer) = &self.observer {
            observer(start.elapsed());
        }
        result
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

/// Builds a [`LocksCtx`] with other limits than the defaults, or with an observer of its waits.
pub struct LocksCtxBuilder {
    space: LockSpace,
    limits: Limits,
    observer: Option<WaitObserver>,
}

impl LocksCtxBuilder {
    /// The defaults: an instance may hold 64 locks, wait behind 1024 others for each, and wait 60 seconds.
    pub fn new(space: &LockSpace) -> Self {
        let limits = Limits { held: 64, waiters: 1024, wait: Duration::from_secs(60) };
        Self { space: space.clone(), limits, observer: None }
    }

    /// Locks that the instance may hold at once; one more fails with `too-many`.
    pub fn max_held(mut self, locks: usize) -> Self {
        self.limits.held = locks;
        self
    }

    /// Instances that may wait for a name; behind that many, this one fails with `too-many`.
    pub fn max_waiters(mut self, instances: usize) -> Self {
        self.limits.waiters = instances;
        self
    }

    /// The longest wait for a lock; caps the instance's own timeout.
    pub fn max_wait(mut self, wait: Duration) -> Self {
        self.limits.wait = wait;
        self
    }

    /// A callback for the time each lock took to be granted or refused; close to zero if it was free. Waits dropped
    /// with the instance are not reported. The callback must not block.
    pub fn observe_waits(mut self, observer: impl Fn(Duration) + Send + Sync + 'static) -> Self {
        self.observer = Some(Arc::new(observer));
        self
    }

    /// A new owner, which excludes every other, even on the same thread.
    ///
    /// Must be built before the instance's directory is opened: once the directory of the lock file is replaced, owners
    /// built earlier get no more locks, since those would be the locks of another directory.
    pub fn build(self) -> LocksCtx {
        let Self { space, limits, observer } = self;
        let home = space.home();
        LocksCtx { space, owner: Owner::new(), home, held: HashMap::new(), limits, observer }
    }
}

/// A view for the host functions, borrowed from the data of a [`Store`](wasmtime::Store).
pub struct Locks<'a> {
    /// The instance's locks.
    pub ctx: &'a mut LocksCtx,
    /// The instance's resources, including the guards.
    pub table: &'a mut ResourceTable,
}

/// Access to the locks in the data of a [`Store`](wasmtime::Store).
pub trait LocksView: Send {
    /// Borrow them.
    fn locks(&mut self) -> Locks<'_>;
}
