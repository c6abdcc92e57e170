//! Guarantees of a lease, and its limits.

use std::fs::{self, File};
use std::time::{Duration, SystemTime};

use host_tests::lock_files::{ABANDONED, FileLocks, LEASE};
use session_conformance::locks::provider::{Error, Instance, Mode, Provider};

const SHARED: Mode = Mode::Shared;
const EXCLUSIVE: Mode = Mode::Exclusive;

/// An instance takes a lock and dies.
async fn die_with(locks: &FileLocks, name: &str, mode: Mode) {
    locks.instance().await.take(name, mode).await;
}

#[tokio::test]
async fn the_lock_of_the_dead_is_free_after_the_lease_and_not_before() {
    for died in [EXCLUSIVE, SHARED] {
        for asked in [EXCLUSIVE, SHARED] {
            let locks = FileLocks::new();
            die_with(&locks, "a", died).await;
            let mut heir = locks.instance().await;
            locks.clock().pass(LEASE);
            if (died, asked) != (SHARED, SHARED) {
                heir.is_refused("a", asked, "timed-out").await;
            }
            locks.clock().set(locks.clock().now() - LEASE);
            age(&locks);
            let guard = heir.take("a", asked).await;
            let other = if asked == EXCLUSIVE { SHARED } else { EXCLUSIVE };
            locks.instance().await.is_refused("a", other, "timed-out").await;
            heir.release(guard).await;
            locks.instance().await.take("a", EXCLUSIVE).await;
        }
    }
}

#[tokio::test]
async fn the_heir_may_die_as_well() {
    let locks = FileLocks::new();
    for generation in 1..=4 {
        die_with(&locks, "a", EXCLUSIVE).await;
        // One request in 64 collects abandoned files before it takes the lock.
        assert!((1..=generation).contains(&locks.files().len()), "{:?}", locks.files());
        age(&locks);
    }
    let mut last = locks.instance().await;
    let guard = last.take("a", EXCLUSIVE).await;
    last.release(guard).await;
    assert_eq!(locks.files(), [""; 0], "a release collects what the dead have left");
}

/// Makes all files older than the lease. The clock is not advanced, as the kernel stamps new files with the real time.
fn age(locks: &FileLocks) {
    let long_ago = SystemTime::now() - Duration::from_millis(2 * ABANDONED);
    let directory = locks.path().join("locks");
    for name in locks.files() {
        let path = directory.join(name);
        if path.is_dir() {
            for entry in fs::read_dir(&path).unwrap() {
                File::open(entry.unwrap().path()).unwrap().set_modified(long_ago).unwrap();
            }
        }
        File::open(path).unwrap().set_modified(long_ago).unwrap();
    }
}

/// Of names no longer requested.
#[tokio::test]
async fn what_the_dead_have_left_is_cleared_away() {
    let locks = FileLocks::new();
    for number in 0..10 {
        die_with(&locks, &format!("exclusive {number}"), EXCLUSIVE).await;
        die_with(&locks, &format!("shared {number}"), SHARED).await;
    }
    locks.clock().pass(ABANDONED + 1000);
    let mut instance = locks.instance().await;
    // One request in 64 scans the directory, in random order: of 3,000 one does.
    for _ in 0..3000 {
        let guard = instance.take("living", EXCLUSIVE).await;
        instance.release(guard).await;
        if locks.files().is_empty() {
            return;
        }
    }
    panic!("left: {:?}", locks.files());
}

/// A stalled instance cannot be stopped, and its lock is granted to another. Its next request fails, and its release
/// does not release the other's lock.
#[tokio::test]
async fn who_is_late_is_not_excluded_any_more_and_told_so() {
    let locks = FileLocks::new();
    let mut late = locks.instance().await;
    let guard = late.take("a", EXCLUSIVE).await;
    age(&locks);
    locks.clock().pass(LEASE);
    let mut heir = locks.instance().await;
    let inherited = heir.take("a", EXCLUSIVE).await;
    match late.acquire("b", EXCLUSIVE, 0).await {
        Err(Error::Other(text)) => assert!(text.contains("more than 120 seconds"), "{text}"),
        answer => panic!("{answer:?}"),
    }
    late.release(guard).await;
    locks.instance().await.is_refused("a", EXCLUSIVE, "timed-out").await;
    heir.release(inherited).await;
    locks.instance().await.take("a", EXCLUSIVE).await;
}

/// Abandoned leases then take that much longer to expire; no held lock is lost.
#[tokio::test]
async fn a_step_back_of_the_clock_loses_no_lock() {
    let locks = FileLocks::new();
    let mut holder = locks.instance().await;
    let guard = holder.take("a", EXCLUSIVE).await;
    locks.clock().set(1_600_000_000_000);
    locks.instance().await.is_refused("a", EXCLUSIVE, "timed-out").await;
    holder.release(guard).await;
    locks.instance().await.take("a", EXCLUSIVE).await;
}

/// A writer that waited for readers then gets a whole lease.
#[tokio::test]
async fn a_long_wait_costs_nothing_of_the_lease() {
    let locks = FileLocks::new();
    let mut reader = locks.instance().await;
    let guard = reader.take("a", SHARED).await;
    let mut writer = locks.instance().await;
    let (written, ()) = tokio::join!(writer.acquire("a", EXCLUSIVE, 60_000), async {
        tokio::task::yield_now().await;
        age(&locks);
        reader.release(guard).await;
    });
    written.unwrap();
    locks.instance().await.is_refused("a", EXCLUSIVE, "timed-out").await;
}
