//! How long contending instances wait for one session's lock. A wait is measured in grants to others meanwhile, which
//! does not depend on the machine's load; the time is printed too.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use host_tests::host::Host;
use session_conformance::bindings::LockMode::Exclusive;
use session_conformance::client::{Store, data};
use session_conformance::harness::Harness;
use session_runtime::LockSpace;
use tokio::task::{JoinSet, yield_now};

const ID: &str = "session-1";
const WAITERS: usize = 64;
const ROUNDS: usize = 20;

async fn waits(store: Store, grants: Arc<AtomicUsize>) -> Vec<(usize, Duration)> {
    let mut waits = Vec::new();
    for _ in 0..ROUNDS {
        let (asked, start) = (grants.load(Ordering::Relaxed), Instant::now());
        let guard = store.lock(ID, Exclusive, Some(60_000)).await.unwrap();
        waits.push((grants.fetch_add(1, Ordering::Relaxed) - asked, start.elapsed()));
        guard.save(&data("x"), None).await.unwrap();
        // Let the others queue for the lock.
        yield_now().await;
        guard.close().await;
    }
    waits
}

fn median_and_longest<T: Ord + Copy>(mut waits: Vec<T>) -> (T, T) {
    waits.sort();
    (waits[waits.len() / 2], waits[waits.len() - 1])
}

/// Median and longest wait, in grants. All on one thread: no grant can come between reading the count and joining the
/// queue.
async fn measure(what: &str, hosts: &[Host]) -> (usize, usize) {
    let grants = Arc::new(AtomicUsize::new(0));
    let mut tasks = JoinSet::new();
    hosts[0].store().await.create(Some(ID), &data("x")).await.unwrap();
    for waiter in 0..WAITERS {
        tasks.spawn(waits(hosts[waiter % hosts.len()].store().await, grants.clone()));
    }
    let (places, times): (Vec<_>, Vec<_>) = tasks.join_all().await.into_iter().flatten().unzip();
    let ((median, longest), time) = (median_and_longest(places), median_and_longest(times));
    println!("{WAITERS} waiters {what}: median {median} grants ({:?}), longest {longest} ({:?})", time.0, time.1);
    (median, longest)
}

#[tokio::test]
async fn in_one_process() {
    // A separate engine: the shared one has no room for so many instances.
    let place = Host::new();
    let (median, longest) = measure("in one process", &[place.restarted()]).await;
    assert!(longest <= 4 * median);
}

/// Two lock spaces on one lock file act as two processes. The kernel promises no order between them, so the longest
/// wait is only required to end.
#[tokio::test]
async fn in_two_processes() {
    let place = Host::new();
    let directory = tempfile::tempdir().unwrap();
    let locks = || LockSpace::machine(directory.path().join("lock")).unwrap();
    let hosts = [(); 2].map(|()| place.restarted().with_locks(locks()));
    measure("in two processes", &hosts).await;
}
