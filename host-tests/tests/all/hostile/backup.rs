//! Copies of a store by `cp`, `rsync` or `tar`: one file after another, during logins and logouts. After a restore and
//! a collection, every session can be revoked by its owner.

use std::collections::BTreeSet;
use std::fs;
use std::io::{ErrorKind, Result};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use host_tests::host::Host;
use host_tests::server::private_directory;
use host_tests::tree::named;
use session_conformance::bindings::{Contents, GarbageReport};
use session_conformance::client::{Store, contents, data};
use session_conformance::clock::HOUR;
use session_conformance::harness::Harness;

/// Visits before the copy begins.
const BEFORE: usize = 50;

const USERS: [&str; 5] = ["ann", "bob", "eve", "ida", "tom"];

/// Copies a file or a directory; files deleted meanwhile are left out.
fn copy(from: &Path, to: &Path) -> Result<()> {
    let copied = if from.is_dir() { copy_directory(from, to) } else { fs::copy(from, to).map(drop) };
    copied.or_else(|error| if error.kind() == ErrorKind::NotFound { Ok(()) } else { Err(error) })
}

fn copy_directory(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    fs::read_dir(from)?.try_for_each(|entry| {
        let name = entry?.file_name();
        copy(&from.join(&name), &to.join(&name))
    })
}

/// Typical traffic: sessions are created, log in (and get another id), change owners, log out.
async fn visit(store: &Store, number: usize) {
    let user = USERS[number % USERS.len()];
    let id = store.create(None, &data("a visitor")).await.unwrap().id;
    store.save(&id, &contents(user, "logged in"), None).await.unwrap();
    let id = store.rename(&id, Some(&format!("session-{number}"))).await.unwrap();
    match number % 4 {
        0 => {
            let another = USERS[(number + 1) % USERS.len()];
            store.save(&id, &contents(another, "somebody else"), None).await.unwrap();
        }
        1 => {
            store.delete(&id).await.unwrap();
        }
        _ => {}
    }
}

/// Copies a store in use, its index first, with many visits between that and the rest.
async fn copy_in_use(host: &Host, to: &Path) {
    let store = host.store().await;
    let visits = Arc::new(AtomicUsize::new(BEFORE));
    let copier = {
        let (from, to, visits) = (host.path().to_owned(), to.to_owned(), visits.clone());
        thread::spawn(move || {
            copy(&from.join("owners"), &to.join("owners")).unwrap();
            let before = visits.load(Ordering::Relaxed);
            while visits.load(Ordering::Relaxed) < before + 100 {
                thread::yield_now();
            }
            for name in ["session3.store", "quarantine", "sessions"] {
                copy(&from.join(name), &to.join(name)).unwrap();
            }
        })
    };
    while !copier.is_finished() {
        visit(&store, visits.fetch_add(1, Ordering::Relaxed)).await;
    }
    copier.join().unwrap();
}

async fn collect(store: &Store) -> GarbageReport {
    store.collect(u32::MAX, None).await.unwrap()
}

/// All sessions with an owner, and those that can be found by owner.
async fn owned_and_found(store: &Store) -> (BTreeSet<String>, BTreeSet<String>) {
    let all = store.iter(None).await.unwrap().rest(1000).await;
    let owned = all.into_iter().filter(|info| info.owner.is_some()).map(|info| info.id).collect();
    let mut found = BTreeSet::new();
    for user in USERS {
        found.extend(store.sessions_of(user).await.unwrap().into_iter().map(|info| info.id));
    }
    (owned, found)
}

#[tokio::test]
async fn in_a_copy_made_in_use_nobody_survives_the_end_of_everybody() {
    let host = Host::new();
    for number in 0..BEFORE {
        visit(&host.store().await, number).await;
    }
    let directory = private_directory();
    copy_in_use(&host, directory.path()).await;

    let restored = Host::on(directory.path());
    let store = restored.store().await;
    let (owned, found) = owned_and_found(&store).await;
    assert!(found.len() + 20 < owned.len(), "{} of {} are found: the copy is consistent", found.len(), owned.len());
    let report = collect(&store).await;
    assert_eq!(report.repaired as usize, owned.len() - found.len());
    assert_eq!(owned_and_found(&store).await, (owned.clone(), owned));
    assert_eq!(collect(&store).await.repaired, 0, "once is enough");

    for user in USERS {
        store.delete_sessions_of(user).await.unwrap();
    }
    assert!(owned_and_found(&store).await.0.is_empty(), "a session survives");
    assert_eq!(collect(&store).await.abandoned, 0);
}

/// After a copy without empty directories, or an index deleted to be rebuilt.
#[tokio::test]
async fn directories_that_are_missing_are_made_when_they_are_needed() {
    let host = Host::new();
    let store = host.store().await;
    store.create(Some("session-1"), &contents("ann", "x")).await.unwrap();
    fs::remove_dir_all(host.path().join("owners")).unwrap();
    for entry in fs::read_dir(host.path().join("sessions")).unwrap() {
        // Fails for the non-empty one.
        let _ = fs::remove_dir(entry.unwrap().path());
    }
    assert_eq!(store.usage().await.unwrap().sessions, 1);
    assert_eq!(store.ids().await, ["session-1"]);
    for number in 2..30 {
        store.create(Some(&format!("session-{number}")), &contents("bob", "x")).await.unwrap();
        store.rename(&format!("session-{number}"), Some(&format!("renamed-{number}"))).await.unwrap();
    }
    assert_eq!(store.count_of("bob").await.unwrap(), 28);
    assert_eq!((store.count_of("ann").await.unwrap(), collect(&store).await.repaired), (0, 1));
    assert_eq!(store.delete_sessions_of("ann").await.unwrap(), 1);
}

/// An entry under a wrong owner, and none under the right one.
#[tokio::test]
async fn the_right_entry_is_made_and_the_wrong_one_removed() {
    let host = Host::new();
    let store = host.store().await;
    store.create(Some("session-1"), &contents("ann", "x")).await.unwrap();
    store.create(Some("session-2"), &contents("bob", "x")).await.unwrap();
    let index = host.path().join("owners");
    let [of_ann] = &named(&index, "session-1")[..] else { panic!("one entry") };
    let [of_bob] = &named(&index, "session-2")[..] else { panic!("one entry") };
    fs::rename(of_ann, of_bob.with_file_name("session-1")).unwrap();
    assert_eq!(store.count_of("bob").await.unwrap(), 2, "one too many");
    let report = collect(&store).await;
    assert_eq!((report.repaired, report.abandoned), (1, 1));
    assert_eq!(named(&index, "session-1"), [of_ann.clone()]);
    assert_eq!((store.count_of("ann").await.unwrap(), store.count_of("bob").await.unwrap()), (1, 1));
}

/// A wrong entry ends nobody else's session, and is removed.
#[tokio::test]
async fn a_logout_everywhere_ends_no_session_of_others() {
    let host = Host::new();
    let store = host.store().await;
    store.create(Some("session-1"), &contents("ann", "x")).await.unwrap();
    store.create(Some("session-2"), &contents("bob", "x")).await.unwrap();
    let index = host.path().join("owners");
    let of_bob = named(&index, "session-2").remove(0);
    fs::copy(named(&index, "session-1").remove(0), of_bob.with_file_name("session-1")).unwrap();
    assert_eq!(store.count_of("bob").await.unwrap(), 2, "one too many");
    assert_eq!(store.delete_sessions_of("bob").await.unwrap(), 1);
    assert_eq!((store.count_of("ann").await.unwrap(), store.count_of("bob").await.unwrap()), (1, 0));
    assert_eq!(store.ids().await, ["session-1"]);
}

/// The holder of a session's lock may be about to change its owner.
#[tokio::test]
async fn what_somebody_works_on_is_left_for_the_next_round() {
    let host = Host::new();
    let (store, other) = (host.store().await, host.store().await);
    store.create(Some("session-1"), &contents("ann", "x")).await.unwrap();
    fs::remove_dir_all(host.path().join("owners")).unwrap();
    let guard = other.lock_now("session-1").await.unwrap();
    assert_eq!(collect(&store).await.repaired, 0);
    guard.close().await;
    assert_eq!(collect(&store).await.repaired, 1);
    let dying = Contents { deadline: Some(host.clock().now() + HOUR), ..contents("ann", "x") };
    store.create(Some("session-2"), &dying).await.unwrap();
    fs::remove_dir_all(host.path().join("owners")).unwrap();
    host.clock().pass(HOUR);
    let report = collect(&store).await;
    assert_eq!((report.repaired, report.expired), (1, 1), "an expired session needs no entry");
}
