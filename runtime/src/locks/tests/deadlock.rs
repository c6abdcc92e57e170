//! A wait that could never end fails at once.

use super::*;
use tokio::time::Instant;

#[tokio::test(start_paused = true)]
async fn reacquiring_a_held_lock() {
    let mut instance = Instance::new(&LockSpace::process());
    instance.exclusive("a").await;
    assert_error(instance.acquire("a", Mode::Exclusive, SECOND).await, "Error::Deadlock");
    assert_error(instance.acquire("a", Mode::Shared, SECOND).await, "Error::Deadlock");
    assert_error(instance.attempt("a", Mode::Exclusive).await, "Error::Deadlock");
}

#[tokio::test(start_paused = true)]
async fn sharing_again_is_no_deadlock_but_an_upgrade_is() {
    let space = LockSpace::process();
    let mut instance = Instance::new(&space);
    let first = instance.shared("a").await;
    instance.shared("a").await;
    instance.release(first).await;
    assert_error(instance.acquire("a", Mode::Exclusive, SECOND).await, "Error::Deadlock");
    assert_error(Instance::new(&space).attempt("a", Mode::Exclusive).await, "Error::TimedOut");
}

/// The second request would queue behind the writer, which waits for the first.
#[tokio::test(start_paused = true)]
async fn sharing_again_behind_a_writer() {
    let space = LockSpace::process();
    let mut reader = Instance::new(&space);
    reader.shared("a").await;
    let log = Log::default();
    let writer = wait_for(Instance::new(&space), "a", Mode::Exclusive, 0, log.granted("writer")).await;
    assert_error(reader.acquire("a", Mode::Shared, SECOND).await, "Error::Deadlock");
    drop(reader);
    writer.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn closing_a_cycle_of_three_fails_at_once() {
    let space = LockSpace::process();
    let [one, two, mut three] = holders(&space, ["a", "b", "c"]).await;
    let log = Log::default();
    let one = wait_for(one, "b", Mode::Exclusive, 0, log.granted("one")).await;
    let two = wait_for(two, "c", Mode::Exclusive, 0, log.granted("two")).await;
    let start = Instant::now();
    assert_error(three.acquire("a", Mode::Exclusive, 60 * SECOND).await, "Error::Deadlock");
    assert!(start.elapsed().is_zero());
    drop(three);
    two.await.unwrap();
    one.await.unwrap();
    assert_eq!(log.events(), ["two", "one"]);
    assert_idle(&space);
}

/// `reader` is compatible with the holder of `a`, but queues behind the writer, and so waits for the holder as well.
#[tokio::test(start_paused = true)]
async fn a_cycle_through_the_queue() {
    let space = LockSpace::process();
    let mut holder = Instance::new(&space);
    holder.shared("a").await;
    let log = Log::default();
    let writer = wait_for(Instance::new(&space), "a", Mode::Exclusive, 0, log.granted("writer")).await;
    let [reader] = holders(&space, ["b"]).await;
    let reader = wait_for(reader, "a", Mode::Shared, 0, log.granted("reader")).await;
    assert_error(holder.acquire("b", Mode::Shared, SECOND).await, "Error::Deadlock");
    drop(holder);
    writer.await.unwrap();
    reader.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_chain_is_no_cycle() {
    let space = LockSpace::process();
    let [one, two] = holders(&space, ["a", "b"]).await;
    let log = Log::default();
    let one = wait_for(one, "b", Mode::Exclusive, 0, log.granted("one")).await;
    let other = wait_for(Instance::new(&space), "a", Mode::Exclusive, 0, log.granted("other")).await;
    drop(two);
    one.await.unwrap();
    other.await.unwrap();
    assert_eq!(log.events(), ["one", "other"]);
}

/// A wait that has ended is no longer an edge.
#[tokio::test(start_paused = true)]
async fn an_old_wait_makes_no_cycle() {
    let space = LockSpace::process();
    let [mut one, mut two] = holders(&space, ["a", "b"]).await;
    assert_error(one.acquire("b", Mode::Exclusive, 10).await, "Error::TimedOut");
    assert_error(two.acquire("a", Mode::Exclusive, 10).await, "Error::TimedOut");
}
