//! Two spaces on one file stand for two processes: a lock belongs to the opened file, not to the process.

#![cfg(all(target_os = "linux", target_pointer_width = "64"))]

use super::*;
use crate::bindings::session3::sessions::advisory_locks::LockScope;
use std::os::unix::fs::{MetadataExt, symlink};
use std::time::Duration;
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

struct Machine {
    here: LockSpace,
    there: LockSpace,
    directory: TempDir,
}

impl Machine {
    fn new() -> Self {
        let directory = TempDir::new().unwrap();
        let file = directory.path().join("locks");
        let open = || LockSpace::machine(&file).unwrap();
        Self { here: open(), there: open(), directory }
    }
}

#[tokio::test(start_paused = true)]
async fn exclusive_excludes_the_other_process() {
    let machine = Machine::new();
    let (mut here, mut there) = (Instance::new(&machine.here), Instance::new(&machine.there));
    let guard = here.exclusive("a").await;
    assert_error(there.attempt("a", Mode::Exclusive).await, "Error::TimedOut");
    assert_error(there.attempt("a", Mode::Shared).await, "Error::TimedOut");
    there.attempt("b", Mode::Exclusive).await.unwrap();
    here.release(guard).await;
    there.attempt("a", Mode::Exclusive).await.unwrap();
}

/// The readers of a process have one lock of the system: it must go with the last of them, not with the first.
#[tokio::test(start_paused = true)]
async fn shared_is_shared_and_ends_with_the_last_holder() {
    let machine = Machine::new();
    let mut there = Instance::new(&machine.there);
    let (mut one, mut two) = (Instance::new(&machine.here), Instance::new(&machine.here));
    one.shared("a").await;
    two.shared("a").await;
    let guard = there.shared("a").await;
    there.release(guard).await;
    drop(one);
    assert_error(there.attempt("a", Mode::Exclusive).await, "Error::TimedOut");
    drop(two);
    there.attempt("a", Mode::Exclusive).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_wait_ends_soon_after_the_other_process_is_done() {
    let machine = Machine::new();
    let [holder] = holders(&machine.here, ["a"]).await;
    let start = Instant::now();
    tokio::spawn(async move {
        sleep(Duration::from_millis(500)).await;
        drop(holder);
    });
    Instance::new(&machine.there).exclusive("a").await;
    let waited = start.elapsed();
    assert!((500..520).contains(&waited.as_millis()), "{waited:?}");
}

#[tokio::test(start_paused = true)]
async fn a_wait_for_the_other_process_ends_after_its_timeout() {
    let machine = Machine::new();
    let [_holder] = holders(&machine.here, ["a"]).await;
    let start = Instant::now();
    assert_error(Instance::new(&machine.there).acquire("a", Mode::Exclusive, 250).await, "Error::TimedOut");
    assert!((250..=252).contains(&start.elapsed().as_millis()));
    assert_idle(&machine.there);
}

#[tokio::test(start_paused = true)]
async fn a_dropped_wait_for_the_other_process_leaves_nothing() {
    let machine = Machine::new();
    let [holder] = holders(&machine.here, ["a"]).await;
    let mut quitter = Instance::new(&machine.there);
    let cut = tokio::time::timeout(Duration::from_millis(50), quitter.acquire("a", Mode::Exclusive, SECOND)).await;
    assert!(cut.is_err());
    assert_idle(&machine.there);
    drop(holder);
    Instance::new(&machine.here).attempt("a", Mode::Exclusive).await.unwrap();
}

/// Who asks the system for the lock is first in this process too, until it gives up.
#[tokio::test(start_paused = true)]
async fn order_within_a_process_holds_while_another_has_the_lock() {
    let machine = Machine::new();
    let [holder] = holders(&machine.here, ["a"]).await;
    let log = Log::default();
    let mut tasks = Vec::new();
    for who in ["one", "two", "three"] {
        tasks.push(wait_for(Instance::new(&machine.there), "a", Mode::Exclusive, 5, log.granted(who)).await);
    }
    sleep(Duration::from_millis(100)).await;
    drop(holder);
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(log.events(), ["one", "two", "three"]);
    Instance::new(&machine.here).attempt("a", Mode::Exclusive).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn closing_the_space_releases_what_it_had() {
    let Machine { here, there, directory: _directory } = Machine::new();
    let [holder] = holders(&here, ["a"]).await;
    drop(here);
    drop(holder);
    Instance::new(&there).attempt("a", Mode::Exclusive).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn scope_is_the_machine() {
    let machine = Machine::new();
    let scope = Instance::new(&machine.here).locks().scope().await.unwrap();
    assert!(matches!(scope, LockScope::Machine));
}

#[test]
fn the_file_is_empty_and_for_its_owner_only() {
    let machine = Machine::new();
    let file = machine.directory.path().join("locks").metadata().unwrap();
    assert_eq!((file.mode() & 0o7777, file.len()), (0o600, 0));
}

#[test]
fn the_file_is_not_reached_through_a_link() {
    let machine = Machine::new();
    let link = machine.directory.path().join("link");
    symlink(machine.directory.path().join("locks"), &link).unwrap();
    assert!(LockSpace::machine(&link).is_err());
    assert!(LockSpace::machine(machine.directory.path()).is_err());
    assert!(LockSpace::machine(machine.directory.path().join("missing/locks")).is_err());
}
