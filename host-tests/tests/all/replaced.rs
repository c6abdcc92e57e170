//! A store is recreated in another store's directory while instances are using it.

use std::fs::{self, File};
use std::path::Path;
use std::time::{Duration, SystemTime};

use host_tests::host::Host;
use session_conformance::check::{refused, refused_for};
use session_conformance::client::{Store, contents, data, options};
use session_conformance::clock::START;
use session_conformance::clock::{DAY, HOUR};
use session_conformance::harness::Harness;

const ID: &str = "session-1";

fn empty(directory: &Path) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) }.unwrap();
    }
}

/// The instance's lock names belong to the old store, and exclude no user of the new one.
#[tokio::test]
async fn an_instance_does_not_write_under_the_locks_of_the_store_before() {
    let host = Host::new();
    let old = host.store().await;
    old.create(Some(ID), &contents("ann", "old")).await.unwrap();
    empty(host.path());
    refused(old.create(Some(ID), &data("x")).await, "no-such-store");
    let new = host.store().await;
    new.create(Some(ID), &contents("ann", "new")).await.unwrap();
    refused(old.create(Some("session-2"), &data("x")).await, "no-such-store");
    refused(old.save(ID, &data("x"), None).await, "no-such-store");
    refused(old.delete(ID).await, "no-such-store");
    refused(old.rename(ID, None).await, "no-such-store");
    refused(old.delete_sessions_of("ann").await, "no-such-store");
    refused(old.lock_now(ID).await.map(drop), "no-such-store");
    assert_eq!(new.text(ID).await.as_deref(), Some("new"));
}

/// A restored copy of the same store has the same locks.
#[tokio::test]
async fn a_copy_of_the_same_store_is_the_same_store() {
    let host = Host::new();
    let store = host.store().await;
    let marker = host.path().join("session3.store");
    let text = fs::read(&marker).unwrap();
    fs::remove_file(&marker).unwrap();
    fs::write(&marker, text).unwrap();
    store.create(Some(ID), &data("x")).await.unwrap();
    fs::write(&marker, "something else").unwrap();
    refused(store.save(ID, &data("y"), None).await, "corrupt");
    assert_eq!(store.text(ID).await.as_deref(), Some("x"));
}

/// Lock names start with the id in the marker, so it must be a whole one.
#[tokio::test]
async fn a_marker_with_a_damaged_id_is_refused() {
    let host = Host::new();
    host.store().await;
    for id in ["", "short", "with a space", "with/a/slash"] {
        fs::write(host.path().join("session3.store"), format!("session3 store, format 1, id {id}\n")).unwrap();
        refused_for(Store::open(&host.instance().await, ".", options()).await.map(drop), "corrupt", &id);
    }
}

/// By a cleaner of empty directories, or to log all users out.
#[tokio::test]
async fn directories_that_were_removed_are_made_again() {
    for removed in [&["sessions", "owners", "quarantine"][..], &["sessions"], &["owners"]] {
        let host = Host::new();
        let store = host.store().await;
        store.create(Some("before-1"), &contents("ann", "x")).await.unwrap();
        for directory in removed {
            fs::remove_dir_all(host.path().join(directory)).unwrap();
        }
        assert_eq!(store.usage().await.unwrap().sessions, store.ids().await.len() as u64);
        store.create(Some(ID), &contents("bob", "x")).await.unwrap();
        // Some of a hundred names are in directories that do not exist yet.
        for number in 0..100 {
            let new = format!("session-new-{number}");
            store.rename(ID, Some(&new)).await.unwrap();
            store.rename(&new, Some(ID)).await.unwrap();
        }
        assert_eq!(store.sessions_of("bob").await.unwrap().len(), 1);
    }
}

/// Cleaners of old files spare the marker if the store is opened or its garbage is collected.
#[tokio::test]
async fn the_file_that_says_what_store_it_is_stays_young() {
    let host = Host::new();
    let store = host.store_with(options()).await;
    let marker = host.path().join("session3.store");
    let set = |time: u64| File::open(&marker).unwrap().set_modified(stamp(time)).unwrap();
    let modified = || marker.metadata().unwrap().modified().unwrap();
    set(START - 23 * HOUR);
    store.collect(u32::MAX, None).await.unwrap();
    host.store().await;
    assert_eq!(modified(), stamp(START - 23 * HOUR), "not every time");
    set(START - DAY);
    store.collect(u32::MAX, None).await.unwrap();
    assert_eq!(modified(), stamp(START));
    set(START - DAY);
    host.store().await;
    assert_eq!(modified(), stamp(START));
    store.create(Some(ID), &data("x")).await.unwrap();
}

fn stamp(time: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(time)
}
