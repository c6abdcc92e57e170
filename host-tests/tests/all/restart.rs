//! Tests that need more than one host or inspect the disk: restarts, lock scopes, secrets, descriptors.

use std::fs::File;
use std::time::{Duration, SystemTime};

use host_tests::host::Host;
use host_tests::tree::{self, session_file, tree};
use session_conformance::bindings::Access::{Optimistic, ReadOnly};
use session_conformance::bindings::{Contents, Durability, Options};
use session_conformance::browser::new_session;
use session_conformance::check::{refused, same};
use session_conformance::client::{Manager, Session, Store, contents, data, options, text};
use session_conformance::clock::START;
use session_conformance::clock::{DAY, HOUR, MINUTE};
use session_conformance::harness::Harness;
use session_runtime::LockSpace;

const ID: &str = "session-1";

/// Cleaners of old files spare a store that is in use: its marker is touched once a day.
#[tokio::test]
async fn the_marker_of_a_store_in_use_is_not_old() {
    let host = Host::new();
    drop(host.store().await);
    let marker = File::options().write(true).open(host.path().join("session3.store")).unwrap();
    let start = SystemTime::UNIX_EPOCH + Duration::from_millis(START);
    for (age, touched) in [(DAY - 1, false), (DAY, true), (DAY + 1, true)] {
        marker.set_modified(start).unwrap();
        host.clock().set(START + age);
        drop(host.store().await);
        let expected = if touched { start + Duration::from_millis(age) } else { start };
        assert_eq!(marker.metadata().unwrap().modified().unwrap(), expected, "after {age} ms");
    }
}

#[tokio::test]
async fn sessions_outlive_the_process() {
    let host = Host::new();
    let deadline = Some(host.clock().now() + DAY);
    let wanted = Contents { idle_timeout: Some(HOUR), deadline, ..contents("ann", "data") };
    let store = host.store().await;
    store.create(Some(ID), &wanted).await.unwrap();
    store.save(ID, &wanted, None).await.unwrap();
    let before = store.load(ID).await.unwrap();
    let mut browser = new_session(&host.manager().await).await;
    drop(store);

    let host = host.restarted();
    let store = host.store_with(Options { create: false, ..options() }).await;
    same(&store.load(ID).await.unwrap(), &before);
    assert_eq!(store.sessions_of("ann").await.unwrap().len(), 1);
    assert_eq!(store.save(ID, &data("new"), Some(2)).await.unwrap(), 3);
    assert!(browser.look(&host.manager().await).await.is_some());
}

#[tokio::test]
async fn the_flags_tell_the_scope_of_the_locks() {
    let directory = tempfile::tempdir().unwrap();
    let machine = LockSpace::machine(directory.path().join("lock")).unwrap();
    for (locks, multiprocess) in [(LockSpace::process(), false), (machine, true)] {
        let host = Host::new().with_locks(locks);
        let store = host.store().await;
        assert_eq!(store.is_multiprocess_safe().await, multiprocess);
        assert!(store.is_thread_safe().await);
    }
}

/// Two lock spaces on one lock file act as two processes.
#[tokio::test]
async fn a_machine_wide_lock_excludes_other_processes() {
    let directory = tempfile::tempdir().unwrap();
    let space = || LockSpace::machine(directory.path().join("lock")).unwrap();
    let host = Host::new();
    let (one, two) = (Host::on(host.path()).with_locks(space()), Host::on(host.path()).with_locks(space()));
    let (a, b) = (one.store().await, two.store_with(Options { lock_wait: Some(0), ..options() }).await);
    a.create(Some(ID), &data("1")).await.unwrap();
    let guard = a.lock_now(ID).await.unwrap();
    refused(b.save(ID, &data("2"), None).await, "busy");
    assert_eq!(b.text(ID).await.as_deref(), Some("1"));
    drop((guard, a));
    b.save(ID, &data("3"), None).await.unwrap();
}

/// Guarantee I8: a timestamp in the future, whatever its cause, keeps no session alive.
#[tokio::test]
async fn a_stamp_from_the_future_extends_nothing() {
    let host = Host::new();
    let store = host.store().await;
    store.create(Some(ID), &Contents { idle_timeout: Some(30 * MINUTE), ..data("x") }).await.unwrap();
    let stamp = SystemTime::UNIX_EPOCH + Duration::from_millis(START + 10 * DAY);
    let file = File::options().write(true).open(session_file(host.path(), ID)).unwrap();
    file.set_modified(stamp).unwrap();
    host.clock().set(START + 30 * MINUTE - 1);
    assert!(store.load(ID).await.unwrap().unwrap().info.last_active <= host.clock().now());
    host.clock().set(START + 30 * MINUTE);
    assert!(!store.has(ID).await.unwrap());
}

/// Whether the host's clock is behind or ahead of the kernel's, which stamps files, is irrelevant.
#[tokio::test]
async fn touches_count_on_any_clock() {
    for now in [START, START + 20 * 365 * DAY] {
        let host = Host::new().at(now);
        let store = host.store().await;
        store.create(Some(ID), &Contents { idle_timeout: Some(HOUR), ..data("x") }).await.unwrap();
        for _ in 0..3 {
            host.clock().pass(HOUR - 1);
            store.touch(ID).await.unwrap();
            assert_eq!(store.load(ID).await.unwrap().unwrap().info.last_active, host.clock().now());
        }
        host.clock().pass(HOUR);
        assert!(!store.has(ID).await.unwrap());
    }
}

#[track_caller]
fn assert_nowhere(host: &Host, secret: &str) {
    let secret = secret.as_bytes();
    for contents in tree::contents(host.path()) {
        assert!(!contents.windows(secret.len()).any(|window| window == secret), "the disk holds a secret");
    }
}

/// A copy of the disk grants no access.
#[tokio::test]
async fn no_secret_is_on_the_disk() {
    let host = Host::new();
    let manager = host.manager().await;
    let mut browser = new_session(&manager).await;
    for _ in 0..2 {
        let id = browser.look(&manager).await.unwrap();
        let secret = browser.cookie()[id.len() + 1..].to_owned();
        assert!(tree(host.path()).keys().any(|path| path.ends_with(&id)), "the id is the file's name");
        assert_nowhere(&host, &secret);
        assert!(!tree(host.path()).keys().any(|path| path.contains(&secret)));
        let bytes: Vec<u8> = (0..secret.len() / 2 * 2)
            .step_by(2)
            .filter_map(|at| u8::from_str_radix(&secret[at..at + 2], 16).ok())
            .collect();
        if bytes.len() == 16 {
            assert!(!tree::contents(host.path()).iter().any(|file| file.windows(16).any(|window| window == bytes)));
        }
        browser
            .visit(&manager, Optimistic, async |session| session.set_user(Some("ann")).await.unwrap())
            .await
            .unwrap();
    }
}

/// Every operation, even a refused one, closes what it opens.
#[tokio::test]
async fn no_descriptor_is_left_open() {
    let host = Host::new();
    let store = host.store().await;
    let manager = Manager::open(store.instance(), ".", options(), &Default::default()).await.unwrap();
    exercise(&store, &manager).await;
    let before = store.instance().resources().await;
    for _ in 0..10 {
        exercise(&store, &manager).await;
    }
    assert_eq!(store.instance().resources().await, before);
}

async fn exercise(store: &Store, manager: &Manager) {
    let id = store.create(None, &contents("ann", "x")).await.unwrap().id;
    store.save(&id, &data(vec![0; 100_000]), None).await.unwrap();
    store.save(&id, &data("small"), Some(1)).await.unwrap_err();
    store.create(Some(&id), &data("x")).await.unwrap_err();
    store.touch(&id).await.unwrap();
    store.touch("never-there").await.unwrap_err();
    let guard = store.lock_now(&id).await.unwrap();
    guard.load().await.unwrap();
    store.save(&id, &data("x"), None).await.unwrap_err();
    let id = guard.rename(None).await.unwrap();
    guard.close().await;
    store.ids().await;
    store.sessions_of("ann").await.unwrap();
    store.delete(&id).await.unwrap();
    store.collect(1000, None).await.unwrap();
    store.delete_old(60).await.unwrap();
    let mut browser = new_session(manager).await;
    browser.visit(manager, ReadOnly, async |session: &Session| session.dump().await).await.unwrap();
    browser.start(manager, Optimistic).await.unwrap().close().await;
    let work = async |session: &Session| session.set("a", &text("x")).await.unwrap();
    browser.fail(manager, Optimistic, work).await.unwrap();
    browser.visit(manager, Optimistic, async |session: &Session| session.expire().await.unwrap()).await.unwrap();
}

#[tokio::test]
async fn a_durable_save_is_synced_before_it_is_acknowledged() {
    let host = Host::new();
    let calls = host_tests::calls::Calls::count();
    for (durability, synced) in [(Durability::Relaxed, false), (Durability::Durable, true)] {
        let store = host.store_with(Options { durability, ..options() }).await;
        let id = store.create(None, &data("x")).await.unwrap().id;
        let created = calls.take();
        assert!(created["types.[method]descriptor.sync-data"] >= 2, "data and name: {created:?}");
        store.save(&id, &data("y"), None).await.unwrap();
        let saved = calls.take();
        assert_eq!(saved.contains_key("types.[method]descriptor.sync-data"), synced, "{saved:?}");
        store.delete(&id).await.unwrap();
        let deleted = calls.take();
        assert!(deleted["types.[method]descriptor.sync-data"] >= 1, "names are durable always: {deleted:?}");
    }
}
