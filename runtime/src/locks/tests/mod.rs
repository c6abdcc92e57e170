//! Through the interface as a guest sees it, in paused time: a wait costs nothing and ends at the exact millisecond.

mod deadlock;
mod end;
mod limits;
mod machine;
mod model;
mod queue;
mod schedules;
mod stress;

use super::ctx::Guard;
use super::{LockSpace, Locks, LocksCtx};
use crate::bindings::session3::sessions::advisory_locks::{Error, Host, HostGuard, Mode};
use std::sync::{Arc, Mutex};
use tokio::task::{JoinHandle, yield_now};
use wasmtime::component::{Resource, ResourceTable};

const SECOND: u32 = 1000;

/// The data of a store.
struct Instance {
    ctx: LocksCtx,
    table: ResourceTable,
}

impl Instance {
    fn new(space: &LockSpace) -> Self {
        Self::with(LocksCtx::new(space))
    }

    fn with(ctx: LocksCtx) -> Self {
        Self { ctx, table: ResourceTable::new() }
    }

    fn locks(&mut self) -> Locks<'_> {
        Locks { ctx: &mut self.ctx, table: &mut self.table }
    }

    async fn acquire(&mut self, name: &str, mode: Mode, timeout: u32) -> Result<Resource<Guard>, Error> {
        self.locks().acquire(name.to_owned(), mode, timeout).await.unwrap()
    }

    async fn exclusive(&mut self, name: &str) -> Resource<Guard> {
        self.acquire(name, Mode::Exclusive, SECOND).await.unwrap()
    }

    async fn shared(&mut self, name: &str) -> Resource<Guard> {
        self.acquire(name, Mode::Shared, SECOND).await.unwrap()
    }

    /// Acquire without waiting.
    async fn attempt(&mut self, name: &str, mode: Mode) -> Result<Resource<Guard>, Error> {
        self.acquire(name, mode, 0).await
    }

    async fn release(&mut self, guard: Resource<Guard>) {
        self.locks().drop(guard).await.unwrap();
    }
}

/// Several instances with one lock each.
async fn holders<const N: usize>(space: &LockSpace, names: [&str; N]) -> [Instance; N] {
    let mut instances = names.map(|_| Instance::new(space));
    for (instance, name) in instances.iter_mut().zip(names) {
        instance.exclusive(name).await;
    }
    instances
}

/// Spawn an instance that waits for a lock, holds it for `hold` milliseconds and ends. Returns once it is queued.
async fn wait_for(
    mut instance: Instance,
    name: &'static str,
    mode: Mode,
    hold: u64,
    note: impl Fn(Result<(), Error>) + Send + 'static,
) -> JoinHandle<()> {
    let task = tokio::spawn(async move {
        let result = instance.acquire(name, mode, 60 * SECOND).await;
        note(result.map(drop));
        tokio::time::sleep(std::time::Duration::from_millis(hold)).await;
    });
    yield_now().await;
    task
}

/// Events in order.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    fn note(&self, event: impl Into<String>) {
        self.0.lock().unwrap().push(event.into());
    }

    /// A callback for `wait_for` that records a grant.
    fn granted(&self, who: impl Into<String>) -> impl Fn(Result<(), Error>) + Send + 'static {
        let (log, who) = (self.clone(), who.into());
        move |result| {
            result.unwrap();
            log.note(&who);
        }
    }

    fn events(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

/// Asserts the error that the guest gets.
#[track_caller]
fn assert_error<T>(result: Result<T, Error>, expected: &str) {
    match result {
        Ok(_) => panic!("granted, instead of {expected}"),
        Err(error) => assert_eq!(format!("{error:?}"), expected),
    }
}

/// Asserts that there are no holders and no waiters.
#[track_caller]
fn assert_idle(space: &LockSpace) {
    let table = space.table();
    assert!(table.queues.is_empty(), "{} names in use", table.queues.len());
    assert!(table.waits.is_empty(), "{} waiters", table.waits.len());
}
