//! The order of grants.

use super::*;
use crate::bindings::session3::sessions::advisory_locks::LockScope;
use std::time::Duration;
use tokio::time::{Instant, sleep};

#[tokio::test(start_paused = true)]
async fn exclusive_excludes_all_others_and_ends_with_the_guard() {
    let space = LockSpace::process();
    let (mut one, mut two) = (Instance::new(&space), Instance::new(&space));
    let guard = one.exclusive("a").await;
    assert_error(two.attempt("a", Mode::Exclusive).await, "Error::TimedOut");
    assert_error(two.attempt("a", Mode::Shared).await, "Error::TimedOut");
    two.attempt("b", Mode::Exclusive).await.unwrap();
    one.release(guard).await;
    two.attempt("a", Mode::Exclusive).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn shared_holders_share() {
    let space = LockSpace::process();
    let (mut one, mut two, mut three) = (Instance::new(&space), Instance::new(&space), Instance::new(&space));
    let first = one.shared("a").await;
    let second = two.shared("a").await;
    one.release(first).await;
    assert_error(three.attempt("a", Mode::Exclusive).await, "Error::TimedOut");
    two.release(second).await;
    three.attempt("a", Mode::Exclusive).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn waiters_are_served_in_order() {
    let space = LockSpace::process();
    let [holder] = holders(&space, ["a"]).await;
    let log = Log::default();
    let mut tasks = Vec::new();
    for number in 0..64 {
        tasks.push(wait_for(Instance::new(&space), "a", Mode::Exclusive, 5, log.granted(number.to_string())).await);
    }
    drop(holder);
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(log.events(), (0..64).map(|number| number.to_string()).collect::<Vec<_>>());
    assert_idle(&space);
}

#[tokio::test(start_paused = true)]
async fn a_reader_does_not_overtake_a_waiting_writer() {
    let space = LockSpace::process();
    let mut reader = Instance::new(&space);
    reader.shared("a").await;
    let log = Log::default();
    let writer = wait_for(Instance::new(&space), "a", Mode::Exclusive, 5, log.granted("writer")).await;
    let late = wait_for(Instance::new(&space), "a", Mode::Shared, 5, log.granted("late reader")).await;
    assert_error(Instance::new(&space).attempt("a", Mode::Shared).await, "Error::TimedOut");
    assert_eq!(log.events(), [""; 0]);
    drop(reader);
    writer.await.unwrap();
    late.await.unwrap();
    assert_eq!(log.events(), ["writer", "late reader"]);
}

#[tokio::test(start_paused = true)]
async fn readers_behind_a_writer_are_let_in_together() {
    let space = LockSpace::process();
    let [holder] = holders(&space, ["a"]).await;
    let log = Log::default();
    let start = Instant::now();
    let one = wait_for(Instance::new(&space), "a", Mode::Shared, 1000, log.granted("one")).await;
    let two = wait_for(Instance::new(&space), "a", Mode::Shared, 1000, log.granted("two")).await;
    let writer = wait_for(Instance::new(&space), "a", Mode::Exclusive, 1000, log.granted("writer")).await;
    drop(holder);
    one.await.unwrap();
    two.await.unwrap();
    assert!(start.elapsed() < Duration::from_millis(1100));
    writer.await.unwrap();
    assert!(start.elapsed() >= Duration::from_millis(2000));
    assert_eq!(log.events(), ["one", "two", "writer"]);
}

#[tokio::test(start_paused = true)]
async fn a_wait_ends_after_its_timeout() {
    let space = LockSpace::process();
    let [_holder] = holders(&space, ["a"]).await;
    let start = Instant::now();
    assert_error(Instance::new(&space).acquire("a", Mode::Exclusive, 250).await, "Error::TimedOut");
    let waited = start.elapsed();
    assert!((250..=252).contains(&waited.as_millis()), "{waited:?}");
    assert_eq!(space.table().waits.len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_timeout_of_zero_only_tries() {
    let space = LockSpace::process();
    let [_holder] = holders(&space, ["a"]).await;
    let start = Instant::now();
    assert_error(Instance::new(&space).attempt("a", Mode::Exclusive).await, "Error::TimedOut");
    assert_eq!(start.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_timed_out_waiter_unblocks_those_behind() {
    let space = LockSpace::process();
    let mut reader = Instance::new(&space);
    reader.shared("a").await;
    let mut writer = Instance::new(&space);
    let mut late = Instance::new(&space);
    let (gave_up, got) =
        tokio::join!(writer.acquire("a", Mode::Exclusive, 100), late.acquire("a", Mode::Shared, SECOND));
    assert_error(gave_up, "Error::TimedOut");
    got.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_dropped_wait_leaves_the_queue() {
    let space = LockSpace::process();
    let [holder] = holders(&space, ["a"]).await;
    let mut quitter = Instance::new(&space);
    let cut = tokio::time::timeout(Duration::from_millis(10), quitter.acquire("a", Mode::Exclusive, SECOND)).await;
    assert!(cut.is_err());
    assert_eq!(space.table().waits.len(), 0);
    drop(holder);
    assert_idle(&space);
}

/// The wait is dropped after the grant was sent and before it was received.
#[tokio::test(start_paused = true)]
async fn a_grant_to_a_dropped_wait_is_passed_on() {
    let space = LockSpace::process();
    let [holder] = holders(&space, ["a"]).await;
    let log = Log::default();
    let quitter = wait_for(Instance::new(&space), "a", Mode::Exclusive, 0, log.granted("quitter")).await;
    let next = wait_for(Instance::new(&space), "a", Mode::Exclusive, 0, log.granted("next")).await;
    drop(holder);
    quitter.abort();
    sleep(Duration::from_millis(10)).await;
    assert!(quitter.await.unwrap_err().is_cancelled());
    next.await.unwrap();
    assert_eq!(log.events(), ["next"]);
    assert_idle(&space);
}

#[tokio::test(start_paused = true)]
async fn scope_is_the_process() {
    let scope = Instance::new(&LockSpace::process()).locks().scope().await.unwrap();
    assert!(matches!(scope, LockScope::Process));
}

#[tokio::test(start_paused = true)]
async fn spaces_are_separate_and_clones_are_not() {
    let space = LockSpace::process();
    let [_holder] = holders(&space, ["a"]).await;
    Instance::new(&LockSpace::process()).attempt("a", Mode::Exclusive).await.unwrap();
    assert_error(Instance::new(&space.clone()).attempt("a", Mode::Exclusive).await, "Error::TimedOut");
}
