//! However an instance ends, its locks are released.

use super::*;
use wasmtime::{Engine, Store};

#[tokio::test(start_paused = true)]
async fn dropping_the_store_releases_all_and_wakes_waiters() {
    let space = LockSpace::process();
    let mut instance = Instance::new(&space);
    instance.exclusive("a").await;
    instance.shared("b").await;
    let store = Store::new(&Engine::default(), instance);
    let log = Log::default();
    let one = wait_for(Instance::new(&space), "a", Mode::Exclusive, 0, log.granted("one")).await;
    let two = wait_for(Instance::new(&space), "b", Mode::Exclusive, 0, log.granted("two")).await;
    drop(store);
    one.await.unwrap();
    two.await.unwrap();
    assert_eq!(log.events().len(), 2);
    assert_idle(&space);
}

#[tokio::test(start_paused = true)]
async fn guards_in_a_table_that_lives_on_hold_nothing() {
    let space = LockSpace::process();
    let mut instance = Instance::new(&space);
    let guard = instance.exclusive("a").await;
    instance.ctx = LocksCtx::new(&space);
    assert_idle(&space);
    let _others = instance.exclusive("a").await;
    instance.release(guard).await;
    assert_error(Instance::new(&space).attempt("a", Mode::Exclusive).await, "Error::TimedOut");
}

#[tokio::test(start_paused = true)]
async fn a_guard_cannot_be_dropped_twice() {
    let space = LockSpace::process();
    let mut instance = Instance::new(&space);
    let guard = instance.exclusive("a").await;
    let again = Resource::new_own(guard.rep());
    instance.release(guard).await;
    assert!(instance.locks().drop(again).await.is_err());
}
