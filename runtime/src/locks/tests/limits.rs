//! Every limit has its own error, and leaves no state behind.

use super::*;
use crate::locks::LocksCtxBuilder;
use std::time::Duration;
use tokio::time::Instant;

#[tokio::test(start_paused = true)]
async fn too_many_held() {
    let space = LockSpace::process();
    let mut instance = Instance::with(LocksCtxBuilder::new(&space).max_held(2).build());
    let first = instance.exclusive("a").await;
    instance.shared("b").await;
    assert_error(instance.attempt("c", Mode::Exclusive).await, "Error::TooMany");
    instance.release(first).await;
    instance.exclusive("c").await;
}

#[tokio::test(start_paused = true)]
async fn too_many_waiters() {
    let space = LockSpace::process();
    let [holder] = holders(&space, ["a"]).await;
    let log = Log::default();
    let waiter = || Instance::with(LocksCtxBuilder::new(&space).max_waiters(2).build());
    let one = wait_for(waiter(), "a", Mode::Exclusive, 0, log.granted("one")).await;
    let two = wait_for(waiter(), "a", Mode::Exclusive, 0, log.granted("two")).await;
    assert_error(waiter().acquire("a", Mode::Exclusive, SECOND).await, "Error::TooMany");
    // A request that does not wait is not limited.
    assert_error(waiter().attempt("a", Mode::Exclusive).await, "Error::TimedOut");
    drop(holder);
    one.await.unwrap();
    two.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_longest_wait_caps_the_timeout() {
    let space = LockSpace::process();
    let [_holder] = holders(&space, ["a"]).await;
    let limited = LocksCtxBuilder::new(&space).max_wait(Duration::from_millis(100)).build();
    let start = Instant::now();
    assert_error(Instance::with(limited).acquire("a", Mode::Exclusive, u32::MAX).await, "Error::TimedOut");
    assert!(start.elapsed() < Duration::from_millis(110));
    assert_error(Instance::new(&space).acquire("a", Mode::Exclusive, u32::MAX).await, "Error::TimedOut");
    assert_eq!(start.elapsed().as_secs(), 60);
}

#[tokio::test(start_paused = true)]
async fn invalid_names() {
    let space = LockSpace::process();
    let mut instance = Instance::new(&space);
    assert_error(instance.attempt("", Mode::Shared).await, "Error::InvalidName");
    assert_error(instance.attempt(&"n".repeat(257), Mode::Shared).await, "Error::InvalidName");
    assert_idle(&space);
    instance.exclusive(&"n".repeat(256)).await;
}

#[tokio::test(start_paused = true)]
async fn waits_are_measured() {
    let space = LockSpace::process();
    let [holder] = holders(&space, ["a"]).await;
    let waits = Arc::new(Mutex::new(Vec::new()));
    let noted = waits.clone();
    let observed = LocksCtxBuilder::new(&space).observe_waits(move |time| noted.lock().unwrap().push(time.as_millis()));
    let mut instance = Instance::with(observed.build());
    assert_error(instance.acquire("a", Mode::Exclusive, SECOND).await, "Error::TimedOut");
    drop(holder);
    instance.exclusive("a").await;
    assert_error(instance.attempt("", Mode::Shared).await, "Error::InvalidName");
    let waits = waits.lock().unwrap();
    assert!(matches!(waits[..], [1000..1010, 0]), "{waits:?}");
}
