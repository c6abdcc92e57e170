//! Host calls per operation. `cargo test --release -p host-tests calls -- --nocapture` prints them.

use std::collections::BTreeMap;

use host_tests::calls::Calls;
use host_tests::host::Host;
use session_conformance::bindings::{Contents, Durability, LockMode, Options};
use session_conformance::client::{Store, contents, data, options};
use session_conformance::clock::HOUR;
use session_conformance::harness::Harness;

const ID: &str = "session-1";

/// Calls by cost. Events are counted separately, as a host may drop them.
#[derive(Debug, PartialEq)]
struct Count {
    filesystem: u64,
    clock: u64,
    locks: u64,
    other: u64,
}

fn events(calls: &BTreeMap<String, u64>) -> u64 {
    calls.iter().filter(|(name, _)| name.starts_with("session-events.")).map(|(_, calls)| calls).sum()
}

fn count(calls: &BTreeMap<String, u64>) -> Count {
    let of = |module: &str| calls.iter().filter(|(name, _)| name.starts_with(module)).map(|(_, calls)| calls).sum();
    let (filesystem, clock, locks) = (of("types."), of("wall-clock."), of("advisory-locks."));
    Count { filesystem, clock, locks, other: calls.values().sum::<u64>() - events(calls) - filesystem - clock - locks }
}

fn row(operation: &str, calls: &BTreeMap<String, u64>) {
    let Count { filesystem, clock, locks, other } = count(calls);
    let short = |name: &str| name.rsplit(['.', ']']).next().unwrap_or(name).to_owned();
    let names: Vec<_> = calls
        .iter()
        .map(|(name, calls)| {
            let name = if name.contains("[drop]") { format!("drop {}", short(name)) } else { short(name) };
            if *calls == 1 { name } else { format!("{calls} {name}") }
        })
        .collect();
    let events = events(calls);
    println!("{operation:38} {filesystem:4} {clock:5} {locks:5} {other:5} {events:6}   {}", names.join(", "));
}

async fn warm(host: &Host, durability: Durability, session: &Contents) -> Store {
    let store = host.store_with(Options { durability, ..options() }).await;
    store.create(Some(ID), session).await.unwrap();
    for _ in 0..3 {
        store.save(ID, session, None).await.unwrap();
    }
    store
}

fn idle() -> Contents {
    Contents { idle_timeout: Some(HOUR), ..data(vec![7; 1024]) }
}

/// Open, read, stat, close. The `stat` yields `last-active`, so sessions without an idle timeout need it too.
#[tokio::test]
async fn a_load_makes_at_most_four() {
    for contents in [idle(), data(vec![7; 1024])] {
        let host = Host::new();
        let store = warm(&host, Durability::Relaxed, &contents).await;
        let calls = Calls::count();
        store.load(ID).await.unwrap().unwrap();
        let made = calls.take();
        let count = count(&made);
        assert!(count.filesystem <= 4 && count.clock <= 1, "{made:#?}");
        assert_eq!((count.locks, count.other), (0, 0), "{made:#?}");
    }
}

#[tokio::test]
async fn a_save_makes_at_most_seven() {
    for durability in [Durability::Relaxed, Durability::Durable] {
        let host = Host::new();
        let store = warm(&host, durability, &idle()).await;
        let calls = Calls::count();
        store.save(ID, &idle(), None).await.unwrap();
        let made = calls.take();
        let count = count(&made);
        // One checks that the directory still contains the opened store.
        assert!(count.filesystem <= 7 && count.clock <= 1, "{durability:?}: {made:#?}");
        assert_eq!((count.locks, count.other), (2, 0), "{durability:?}: {made:#?}");
    }
}

#[tokio::test]
async fn what_is_absent_costs_one() {
    let host = Host::new();
    let store = host.store().await;
    let calls = Calls::count();
    assert!(store.load(ID).await.unwrap().is_none());
    assert_eq!(count(&calls.take()), Count { filesystem: 1, clock: 0, locks: 0, other: 0 });
    assert!(store.load("../../etc/passwd").await.is_err());
    assert_eq!(count(&calls.take()), Count { filesystem: 0, clock: 0, locks: 0, other: 0 });
}

/// The index is checked once for each session with an owner, without a lock if the entry exists.
#[tokio::test]
async fn collecting_garbage_looks_for_each_entry_once() {
    const SESSIONS: u64 = 50;
    let host = Host::new();
    let store = host.store().await;
    let calls = Calls::count();
    let mut made = BTreeMap::new();
    for owner in [None, Some("ann".to_owned())] {
        for _ in 0..SESSIONS {
            store.create(None, &Contents { owner: owner.clone(), ..data("x") }).await.unwrap();
        }
        calls.take();
        store.collect(u32::MAX, None).await.unwrap();
        let before = std::mem::replace(&mut made, calls.take());
        row(owner.as_deref().unwrap_or("collect-garbage"), &made);
        let more = |name: &str| made.get(name).unwrap_or(&0) - before.get(name).unwrap_or(&0);
        let looks = if owner.is_some() { SESSIONS } else { 0 };
        assert_eq!(more("types.[method]descriptor.stat-at"), looks, "{made:#?}");
        assert_eq!(count(&made).locks, 0, "{made:#?}");
    }
}

#[tokio::test]
async fn the_table() {
    let host = Host::new();
    let store = warm(&host, Durability::Relaxed, &idle()).await;
    let durable = host.store_with(Options { durability: Durability::Durable, ..options() }).await;
    let calls = Calls::count();
    let measured = |operation: &str| row(operation, &calls.take());
    println!("{:38} {:>4} {:>5} {:>5} {:>5} {:>6}", "operation, 1 KiB", "file", "clock", "locks", "other", "events");
    store.load(ID).await.unwrap().unwrap();
    measured("load");
    store.has(ID).await.unwrap();
    measured("has");
    store.save(ID, &idle(), None).await.unwrap();
    measured("save relaxed");
    durable.save(ID, &idle(), None).await.unwrap();
    measured("save durable");
    store.touch(ID).await.unwrap();
    measured("touch");
    let guard = store.lock(ID, LockMode::Exclusive, None).await.unwrap();
    measured("lock");
    guard.load().await.unwrap();
    measured("guard load");
    guard.save(&idle(), None).await.unwrap();
    measured("guard save relaxed");
    guard.close().await;
    measured("guard drop");
    store.save(ID, &data(vec![7; 9000]), None).await.unwrap();
    measured("save that outgrows its slot");
    store.create(Some("session-2"), &idle()).await.unwrap();
    measured("create");
    store.create(Some("session-3"), &contents("ann", "x")).await.unwrap();
    measured("create, first of its owner");
    store.create(Some("session-4"), &contents("ann", "x")).await.unwrap();
    measured("create with an owner");
    store.rename("session-2", Some("session-5")).await.unwrap();
    measured("rename");
    store.sessions_of("ann").await.unwrap();
    measured("sessions-of, two");
    store.delete("session-5").await.unwrap();
    measured("delete");
    store.delete("session-3").await.unwrap();
    measured("delete with an owner");
    host.store().await;
    measured("open");
}
