//! Changes to the directory between two host calls of an operation.

use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};

use host_tests::calls::watch;
use host_tests::host::Host;
use host_tests::tree::{named, session_file, tree};
use session_conformance::check::refused;
use session_conformance::client::{contents, data};
use session_conformance::harness::Harness;

const ID: &str = "session-1";

/// A file is replaced while it is read: the replacement counts.
#[tokio::test]
async fn a_file_is_replaced_while_it_is_read() {
    let host = Host::new();
    let store = host.store().await;
    store.create(Some(ID), &data("x")).await.unwrap();
    let path = session_file(host.path(), ID);
    let replacing = || {
        let (path, healthy) = (path.clone(), fs::read(&path).unwrap());
        let is_done = AtomicUsize::new(0);
        watch(move |call| {
            if call.ends_with("descriptor.read") && is_done.fetch_add(1, Ordering::Relaxed) == 0 {
                fs::write(&path, "").unwrap();
                fs::write(path.with_extension("new"), &healthy).unwrap();
                fs::rename(path.with_extension("new"), &path).unwrap();
            }
        })
    };
    {
        let _meddler = replacing();
        assert_eq!(store.text(ID).await.as_deref(), Some("x"));
    }
    {
        let _meddler = replacing();
        store.touch(ID).await.unwrap();
    }
    assert_eq!(fs::read_dir(host.path().join("quarantine")).unwrap().count(), 0);
}

#[tokio::test]
async fn a_session_vanishes_while_old_ones_are_looked_for() {
    let host = Host::new();
    let store = host.store().await;
    store.create(Some(ID), &data("x")).await.unwrap();
    let path = session_file(host.path(), ID);
    let shard = path.parent().unwrap().file_name().unwrap().to_str().unwrap();
    let shard = usize::from_str_radix(shard, 16).unwrap();
    let directories_read = AtomicUsize::new(0);
    let _meddler = watch(move |call| {
        let is_read = call.contains("[drop]directory-entry-stream");
        if is_read && directories_read.fetch_add(1, Ordering::Relaxed) == shard {
            fs::remove_file(&path).unwrap();
        }
    });
    assert_eq!(store.delete_old(0).await.unwrap(), (0, 0));
}

#[tokio::test]
async fn an_index_directory_vanishes_again_and_again() {
    let host = Host::new();
    let store = host.store().await;
    let owners = host.path().join("owners");
    let _meddler = watch(move |call| {
        if call.ends_with("open-at") {
            for path in tree(&owners).keys().filter(|path| path.contains('/')) {
                let _ = fs::remove_dir_all(owners.join(path));
            }
        }
    });
    refused(store.create(Some(ID), &contents("ann", "x")).await, "io");
    assert!(!store.has(ID).await.unwrap());
}

/// A logout outpaced by new logins fails with `busy`.
#[tokio::test]
async fn an_owner_has_a_new_session_every_time_one_looks() {
    let host = Host::new();
    let store = host.store().await;
    store.create(Some(ID), &contents("ann", "x")).await.unwrap();
    let entry = named(&host.path().join("owners"), ID).remove(0);
    let _meddler = watch(move |call| {
        if call.ends_with("open-at") {
            fs::create_dir_all(entry.parent().unwrap()).unwrap();
            fs::write(&entry, "").unwrap();
        }
    });
    refused(store.delete_sessions_of("ann").await, "busy");
    assert!(!store.has(ID).await.unwrap());
}
