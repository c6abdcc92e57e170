//! Instances on several threads: interleavings that no single thread can produce. Each writes self-describing data, so
//! that a torn or mixed record is detected.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use host_tests::calls::watch;
use host_tests::host::Host;
use session_conformance::bindings::Access::{Exclusive, Optimistic, ReadOnly};
use session_conformance::bindings::{Contents, Error};
use session_conformance::browser::{Browser, new_session};
use session_conformance::client::{Session, Store, contents, data};
use session_conformance::harness::Harness;
use session_runtime::LockSpace;
use tokio::runtime::Builder;
use tokio::task::JoinSet;

const ID: &str = "session-1";

/// Data determined by the seed, including its length. Some of it outgrows its slot.
fn story(seed: u64) -> Vec<u8> {
    let length = 8 + (seed * 37 % 1500) as usize + if seed.is_multiple_of(20) { 3000 } else { 0 };
    let mut data = seed.to_le_bytes().to_vec();
    data.resize(length, seed as u8);
    data
}

#[track_caller]
fn is_whole(data: &[u8]) {
    let seed = u64::from_le_bytes(data[..8].try_into().unwrap());
    assert!(data == story(seed), "torn: {} bytes with the seed {seed}", data.len());
}

/// Waits for all; a panic of one ends the others and the test.
async fn all(mut tasks: JoinSet<()>) {
    while let Some(ended) = tasks.join_next().await {
        if let Err(error) = ended {
            tasks.shutdown().await;
            std::panic::resume_unwind(error.into_panic());
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn loads_are_whole_while_saves_are_under_way() {
    let host = Arc::new(Host::new());
    host.store().await.create(Some(ID), &contents("ann", story(1))).await.unwrap();
    let done = Arc::new(AtomicBool::new(false));
    let mut tasks = JoinSet::new();
    for writer in 0..2_u64 {
        let (host, done) = (host.clone(), done.clone());
        tasks.spawn(async move {
            let store = host.store().await;
            for save in 0..300 {
                store.save(ID, &contents("ann", story(2 * save + writer)), None).await.unwrap();
            }
            done.store(true, Ordering::Relaxed);
        });
    }
    for _ in 0..2 {
        let (host, done) = (host.clone(), done.clone());
        tasks.spawn(async move {
            let store = host.store().await;
            let mut newest = 0;
            while !done.load(Ordering::Relaxed) {
                let session = store.load(ID).await.unwrap().expect("it is never deleted");
                assert!(session.info.version >= newest, "version {} after {newest}", session.info.version);
                newest = session.info.version;
                is_whole(&session.data);
            }
        });
    }
    let (host_, done_) = (host.clone(), done.clone());
    tasks.spawn(async move {
        let store = host_.store().await;
        while !done_.load(Ordering::Relaxed) {
            assert_eq!(store.sessions_of("ann").await.unwrap().len(), 1);
            assert_eq!(store.ids().await, [ID]);
            store.collect(100, None).await.unwrap();
            store.touch(ID).await.unwrap();
        }
    });
    all(tasks).await;
    assert_eq!(host.store().await.load(ID).await.unwrap().unwrap().info.version, 601);
}

/// A session being renamed: it is never seen twice, never torn, and its old names stay dead.
#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_session_is_renamed_while_others_look_for_it() {
    const MOVES: u64 = 60;
    let name = |number: u64| format!("renamed-{number:03}");
    let host = Arc::new(Host::new());
    host.store().await.create(Some(&name(0)), &contents("ann", story(7))).await.unwrap();
    let mut tasks = JoinSet::new();
    let mover = host.store().await;
    tasks.spawn(async move {
        for number in 1..=MOVES {
            mover.rename(&name(number - 1), Some(&name(number))).await.unwrap();
        }
    });
    for _ in 0..2 {
        let store = host.store().await;
        tasks.spawn(async move {
            let mut dead = 0;
            while dead < MOVES {
                for number in 0..dead {
                    assert!(!store.has(&name(number)).await.unwrap(), "{number} came back after {dead} was seen dead");
                }
                match store.load(&name(dead)).await.unwrap() {
                    Some(session) => is_whole(&session.data),
                    None if store.has(&name(dead)).await.unwrap() => {}
                    None if store.has(&name(dead + 1)).await.unwrap() => dead += 1,
                    None => {}
                }
                if store.has(&name(MOVES)).await.unwrap() {
                    break;
                }
            }
        });
    }
    all(tasks).await;
    assert_eq!(host.store().await.ids().await, [name(MOVES)]);
}

async fn count(host: &Host, browser: &Browser, times: u32) {
    for _ in 0..times {
        let manager = host.manager().await;
        let work = async |session: &Session| session.increment("visits").await;
        browser.clone().visit(&manager, Exclusive, work).await.unwrap();
    }
}

/// Two lock spaces on one file act as two processes, four threads in each.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_increment_is_lost_between_threads_and_processes() {
    let directory = tempfile::tempdir().unwrap();
    let space = || LockSpace::machine(directory.path().join("lock")).unwrap();
    let one = Host::new().with_locks(space());
    let two = Host::on(one.path()).with_locks(space());
    let browser = new_session(&one.manager().await).await;
    let (one, two) = (Arc::new(one), Arc::new(two));
    let mut threads = Vec::new();
    for host in [&one, &one, &two, &two] {
        let (host, browser, handle) = (host.clone(), browser.clone(), tokio::runtime::Handle::current());
        threads.push(tokio::task::spawn_blocking(move || handle.block_on(count(&host, &browser, 50))));
    }
    for thread in threads {
        thread.await.unwrap();
    }
    let session = browser.start(&one.manager().await, ReadOnly).await.unwrap();
    assert_eq!(session.count("visits").await, Some(201));
}

/// Sessions of one owner are created and deleted, and with them the index directory; it must list every session.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_index_lacks_no_session() {
    let host = Arc::new(Host::new());
    let done = Arc::new(AtomicBool::new(false));
    let mut tasks = JoinSet::new();
    for task in 0..3 {
        let (host, done) = (host.clone(), done.clone());
        tasks.spawn(async move {
            let store = host.store().await;
            for round in 0..25 {
                let id = store.create(None, &contents("ann", "x")).await.unwrap().id;
                is_listed(&store, &id).await;
                if round % 5 == task {
                    store.save(&id, &data("nobody's"), None).await.unwrap();
                    store.save(&id, &contents("ann", "y"), None).await.unwrap();
                    is_listed(&store, &id).await;
                }
                store.delete(&id).await.unwrap();
            }
            done.store(true, Ordering::Relaxed);
        });
    }
    let (host_, done_) = (host.clone(), done.clone());
    tasks.spawn(async move {
        let store = host_.store().await;
        while !done_.load(Ordering::Relaxed) {
            store.collect(u32::MAX, None).await.unwrap();
        }
    });
    all(tasks).await;
    assert!(host.store().await.sessions_of("ann").await.unwrap().is_empty());
}

async fn is_listed(store: &Store, id: &str) {
    let listed = store.sessions_of("ann").await.unwrap();
    assert!(listed.iter().any(|info| info.id == id), "{id} is missing");
}

/// A logout everywhere is final, whatever requests are in flight.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_logout_everywhere_is_final() {
    let host = Arc::new(Host::new());
    let store = host.store().await;
    for round in 0..10 {
        let logged_out = Arc::new(AtomicBool::new(false));
        let mut tasks = JoinSet::new();
        for number in 0..3 {
            let (id, store, logged_out) = (format!("session-{round}-{number}"), host.store().await, logged_out.clone());
            store.create(Some(&id), &contents("ann", "x")).await.unwrap();
            tasks.spawn(async move {
                loop {
                    let late = logged_out.load(Ordering::SeqCst);
                    match store.save(&id, &contents("ann", "x"), None).await {
                        Ok(_) => assert!(!late, "{id} was saved after the logout"),
                        Err(Error::Gone) => break,
                        Err(other) => panic!("{other:?}"),
                    }
                }
                assert!(store.load(&id).await.unwrap().is_none(), "{id} came back");
            });
        }
        assert_eq!(store.delete_sessions_of("ann").await.unwrap(), 3);
        logged_out.store(true, Ordering::SeqCst);
        assert!(store.sessions_of("ann").await.unwrap().is_empty());
        all(tasks).await;
    }
}

/// A session is renamed, as at a login, while its owner is logged out everywhere: at each host call of the logout in
/// turn. It must not escape under its new name.
#[tokio::test]
async fn a_renamed_session_does_not_escape_a_logout() {
    for at in 0.. {
        let host = Host::new();
        let (store, other) = (host.store().await, host.store().await);
        store.create(Some(ID), &contents("ann", "x")).await.unwrap();
        let (calls, rename) = (AtomicUsize::new(0), Mutex::new(Some(other)));
        let interrupted = Arc::new(AtomicBool::new(false));
        let reached = interrupted.clone();
        let watch = watch(move |_| {
            if calls.fetch_add(1, Ordering::Relaxed) == at {
                let other = rename.lock().unwrap().take().unwrap();
                rename_elsewhere(other);
                reached.store(true, Ordering::Relaxed);
            }
        });
        let deleted = store.delete_sessions_of("ann").await.unwrap();
        drop(watch);
        let left = store.sessions_of("ann").await.unwrap();
        assert!(left.is_empty(), "renamed at call {at}, {deleted} deleted, it lives on: {left:?}");
        if !interrupted.load(Ordering::Relaxed) {
            break;
        }
    }
}

/// On another thread; without waiting.
fn rename_elsewhere(store: Store) {
    let renamed = thread::spawn(move || {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let Ok(guard) = store.lock_now(ID).await else { return };
            let _ = guard.rename(None).await;
            guard.close().await;
        });
    });
    renamed.join().unwrap();
}

/// Loads and the garbage collector find expired sessions concurrently, while their ids are reused.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn expiry_is_seen_once_and_harms_no_successor() {
    let host = Arc::new(Host::new());
    let dying = Contents { idle_timeout: Some(1), ..contents("ann", "old") };
    for _ in 0..15 {
        host.store().await.create(Some(ID), &dying).await.unwrap();
        host.clock().pass(1);
        let mut tasks = JoinSet::new();
        for task in 0..3 {
            let store = host.store().await;
            tasks.spawn(async move {
                match task {
                    0 => drop(store.collect(u32::MAX, None).await.unwrap()),
                    1 => assert!(store.load(ID).await.unwrap().is_none_or(|session| session.data == b"new")),
                    _ => drop(store.create(Some(ID), &contents("ann", "new")).await.unwrap()),
                }
            });
        }
        all(tasks).await;
        let store = host.store().await;
        assert_eq!(store.text(ID).await.as_deref(), Some("new"), "the successor survives");
        assert_eq!(store.sessions_of("ann").await.unwrap().len(), 1);
        assert!(store.delete(ID).await.unwrap());
    }
}

/// Concurrent requests of a new visitor: no two get the same session.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn new_sessions_are_all_different() {
    let host = Arc::new(Host::new());
    let mut tasks = JoinSet::new();
    for _ in 0..4 {
        let host = host.clone();
        tasks.spawn(async move {
            let manager = host.manager().await;
            for _ in 0..10 {
                let session = manager.start(&[], None, Optimistic).await.unwrap();
                session.increment("visits").await;
                manager.finish(session).await.unwrap();
            }
        });
    }
    all(tasks).await;
    assert_eq!(host.store().await.ids().await.len(), 40);
}
