//! Guards: what they allow and exclude, and when they are released.

use crate::bindings::{Error, LockMode, Options};
use crate::check::{refused, refused_for};
use crate::client::{Guard, Store, data, options};
use crate::harness::Harness;

const ID: &str = "session-1";
const OTHER: &str = "session-2";
const SHARED: LockMode = LockMode::Shared;
const EXCLUSIVE: LockMode = LockMode::Exclusive;
/// A timeout in milliseconds that expires only if a lock is never released.
const LONG: Option<u64> = Some(30_000);

pub async fn an_exclusive_guard_does_everything(host: &impl Harness) {
    let store = host.store().await;
    store.create(Some(ID), &data("1")).await.unwrap();
    let guard = store.lock(ID, EXCLUSIVE, None).await.unwrap();
    assert_eq!(guard.load().await.unwrap().unwrap().data, b"1");
    assert_eq!(guard.save(&data("2"), None).await.unwrap(), 2);
    refused(guard.save(&data("lost"), Some(1)).await, "conflict 2");
    assert_eq!(guard.save(&data("3"), Some(2)).await.unwrap(), 3);
    assert_eq!(guard.load().await.unwrap().unwrap().data, b"3");
    assert!(guard.delete().await.unwrap());
    assert!(!guard.delete().await.unwrap());
    assert!(guard.load().await.unwrap().is_none());
    refused(guard.save(&data("4"), None).await, "gone");
    refused(guard.rename(None).await, "gone");
}

pub async fn a_shared_guard_only_loads(host: &impl Harness) {
    let store = host.store().await;
    store.create(Some(ID), &data("1")).await.unwrap();
    let guard = store.lock(ID, SHARED, None).await.unwrap();
    assert_eq!(guard.load().await.unwrap().unwrap().data, b"1");
    refused(guard.save(&data("2"), None).await, "access-denied");
    refused(guard.delete().await, "access-denied");
    refused(guard.rename(None).await, "access-denied");
    refused(guard.rename(Some(OTHER)).await, "access-denied");
    assert_eq!(store.text(ID).await.as_deref(), Some("1"));
}

pub async fn what_does_not_exist_can_be_locked(host: &impl Harness) {
    let (a, b) = (host.store().await, host.store().await);
    let guard = a.lock_now(ID).await.unwrap();
    assert!(guard.load().await.unwrap().is_none());
    assert!(!guard.delete().await.unwrap());
    refused(b.lock_now(ID).await.map(drop), host.locked());
    assert!(!a.has(ID).await.unwrap(), "a lock creates nothing");
    refused(a.lock(".", SHARED, None).await.map(drop), "invalid-id");
}

pub async fn modes_exclude_each_other(host: &impl Harness) {
    let (a, b) = (host.store().await, host.store().await);
    for (first, second, free) in
        [(SHARED, SHARED, true), (SHARED, EXCLUSIVE, false), (EXCLUSIVE, SHARED, false), (EXCLUSIVE, EXCLUSIVE, false)]
    {
        let guard = a.lock(ID, first, Some(0)).await.unwrap();
        let answer = b.lock(ID, second, Some(0)).await;
        match answer {
            Ok(other) if free => other.close().await,
            other => refused_for(other.map(drop), host.locked(), &(first, second)),
        }
        b.lock_now(OTHER).await.unwrap().close().await;
        guard.close().await;
        b.lock(ID, second, Some(0)).await.unwrap().close().await;
    }
}

pub async fn who_writes_waits_for_the_guard_and_who_loads_does_not(host: &impl Harness) {
    let (a, b) = (host.store().await, host.store_with(Options { lock_wait: Some(0), ..options() }).await);
    a.create(Some(ID), &data("1")).await.unwrap();
    let guard = a.lock_now(ID).await.unwrap();
    refused(b.save(ID, &data("2"), None).await, host.locked());
    refused(b.delete(ID).await, host.locked());
    refused(b.rename(ID, Some(OTHER)).await, host.locked());
    refused(b.lock(ID, EXCLUSIVE, None).await.map(drop), host.locked());
    assert_eq!(b.text(ID).await.as_deref(), Some("1"));
    assert!(b.has(ID).await.unwrap());
    assert_eq!(b.ids().await, [ID]);
    guard.save(&data("3"), None).await.unwrap();
    assert_eq!(b.text(ID).await.as_deref(), Some("3"));
    guard.close().await;
    b.save(ID, &data("4"), None).await.unwrap();
}

pub async fn a_new_name_is_locked_too(host: &impl Harness) {
    let (a, b) = (host.store().await, host.store_with(Options { lock_wait: Some(0), ..options() }).await);
    b.create(Some(ID), &data("1")).await.unwrap();
    let _guard = a.lock_now(OTHER).await.unwrap();
    refused(b.create(Some(OTHER), &data("2")).await, host.locked());
    refused(b.rename(ID, Some(OTHER)).await, host.locked());
    assert_eq!(b.text(ID).await.as_deref(), Some("1"));
}

pub async fn a_wait_ends_with_the_guard(host: &impl Harness) {
    let (a, b) = (host.store().await, host.store().await);
    a.create(Some(ID), &data("0")).await.unwrap();
    let guard = a.lock_now(ID).await.unwrap();
    let (second, ()) = tokio::join!(b.lock(ID, EXCLUSIVE, LONG), async {
        guard.save(&data("first"), None).await.unwrap();
        guard.close().await;
    });
    assert_eq!(second.unwrap().load().await.unwrap().unwrap().data, b"first");
}

pub async fn a_wait_is_bounded(host: &impl Harness) {
    let (a, b) = (host.store().await, host.store_with(Options { lock_wait: Some(20), ..options() }).await);
    let _guard = a.lock_now(ID).await.unwrap();
    for wait in [Some(0), Some(1), Some(20), None] {
        refused_for(b.lock(ID, EXCLUSIVE, wait).await.map(drop), host.locked(), &wait);
    }
}

pub async fn an_instance_does_not_wait_for_itself(host: &impl Harness) {
    let store = host.store().await;
    store.create(Some(ID), &data("1")).await.unwrap();
    for mode in [SHARED, EXCLUSIVE] {
        let guard = store.lock(ID, mode, None).await.unwrap();
        refused(store.save(ID, &data("2"), None).await, "deadlock");
        refused(store.delete(ID).await, "deadlock");
        refused(store.rename(ID, None).await, "deadlock");
        refused(store.lock(ID, EXCLUSIVE, LONG).await.map(drop), "deadlock");
        assert_eq!(store.text(ID).await.as_deref(), Some("1"));
        guard.close().await;
    }
    let _one = store.lock(ID, SHARED, None).await.unwrap();
    let _two = store.lock(ID, SHARED, None).await.unwrap();
}

/// The second request would deadlock, and is refused. The first waits until the other guard is released.
pub async fn a_circle_of_waits_is_refused(host: &impl Harness) {
    let (a, b) = (host.store().await, host.store().await);
    let (mine, yours) = (a.lock_now(ID).await.unwrap(), b.lock_now(OTHER).await.unwrap());
    let ask = async |store: &Store, wanted: &str, held: Guard| {
        let answer = store.lock(wanted, EXCLUSIVE, LONG).await;
        if answer.is_err() {
            held.close().await;
        }
        answer.map(drop)
    };
    match tokio::join!(ask(&a, OTHER, mine), ask(&b, ID, yours)) {
        (Ok(()), refusal @ Err(_)) | (refusal @ Err(_), Ok(())) => refused(refusal, "deadlock"),
        both => panic!("{both:?}"),
    }
}

pub async fn the_end_of_an_instance_frees_its_locks(host: &impl Harness) {
    let (a, b) = (host.store().await, host.store().await);
    let guards = [a.lock_now(ID).await.unwrap(), a.lock_now(OTHER).await.unwrap()];
    refused(b.lock_now(ID).await.map(drop), "busy");
    drop((guards, a));
    b.lock_now(ID).await.unwrap();
    b.lock_now(OTHER).await.unwrap();
}

/// A cancelled waiter must not be granted the lock.
pub async fn an_instance_that_ends_while_waiting_takes_nothing(host: &impl Harness) {
    let (a, b, c) = (host.store().await, host.store().await, host.store().await);
    let guard = a.lock_now(ID).await.unwrap();
    tokio::select! {
        biased;
        _ = b.lock(ID, EXCLUSIVE, LONG) => panic!("the lock was granted while held"),
        () = std::future::ready(()) => {}
    }
    drop(b);
    guard.close().await;
    c.lock_now(ID).await.unwrap();
}

pub async fn a_guard_follows_a_rename(host: &impl Harness) {
    let (a, b) = (host.store().await, host.store_with(Options { lock_wait: Some(0), ..options() }).await);
    a.create(Some(ID), &data("1")).await.unwrap();
    let guard = a.lock_now(ID).await.unwrap();
    assert_eq!(guard.rename(Some(OTHER)).await.unwrap(), OTHER);
    refused(b.save(OTHER, &data("2"), None).await, host.locked());
    refused(b.lock_now(OTHER).await.map(drop), host.locked());
    assert_eq!(guard.load().await.unwrap().unwrap().info.id, OTHER);
    assert_eq!(guard.save(&data("3"), Some(1)).await.unwrap(), 2);
    guard.close().await;
    assert_eq!(b.save(OTHER, &data("4"), None).await.unwrap(), 3);
    b.lock_now(ID).await.unwrap();
}

/// A waiter for the old id, such as a request with the old cookie, proceeds only when the guard is released, and
/// creates nothing under that id before.
pub async fn a_guard_goes_on_guarding_the_old_id(host: &impl Harness) {
    let (a, b) = (host.store().await, host.store_with(Options { lock_wait: Some(0), ..options() }).await);
    a.create(Some(ID), &data("1")).await.unwrap();
    let guard = a.lock_now(ID).await.unwrap();
    guard.rename(Some(OTHER)).await.unwrap();
    guard.rename(Some("session-3")).await.unwrap();
    for old in [ID, OTHER] {
        for mode in [SHARED, EXCLUSIVE] {
            refused_for(b.lock(old, mode, Some(0)).await.map(drop), host.locked(), &old);
        }
        refused_for(b.create(Some(old), &data("2")).await, host.locked(), &old);
        refused_for(b.delete(old).await, host.locked(), &old);
        assert!(!b.has(old).await.unwrap());
    }
    guard.close().await;
    for id in [ID, OTHER, "session-3"] {
        b.lock_now(id).await.unwrap().close().await;
    }
    b.create(Some(ID), &data("2")).await.unwrap();
}

pub async fn a_refused_rename_keeps_the_guard(host: &impl Harness) {
    let (a, b) = (host.store().await, host.store().await);
    a.create(Some(ID), &data("1")).await.unwrap();
    a.create(Some(OTHER), &data("2")).await.unwrap();
    let guard = a.lock_now(ID).await.unwrap();
    refused(guard.rename(Some(OTHER)).await, "already-exists");
    refused(b.lock_now(ID).await.map(drop), host.locked());
    b.lock_now(OTHER).await.unwrap().close().await;
    assert_eq!(guard.save(&data("3"), None).await.unwrap(), 2);
}

async fn increment(host: &impl Harness, times: u32) {
    for _ in 0..times {
        let store = host.store().await;
        let guard = store.lock(ID, EXCLUSIVE, LONG).await.unwrap();
        let count: u32 = String::from_utf8(guard.load().await.unwrap().unwrap().data).unwrap().parse().unwrap();
        tokio::task::yield_now().await;
        guard.save(&data((count + 1).to_string()), None).await.unwrap();
        guard.close().await;
    }
}

pub async fn no_increment_is_lost_under_a_lock(host: &impl Harness) {
    let store = host.store().await;
    store.create(Some(ID), &data("0")).await.unwrap();
    tokio::join!(increment(host, 50), increment(host, 50), increment(host, 50), increment(host, 50));
    assert_eq!(store.text(ID).await.as_deref(), Some("200"));
}

/// Each conflict is due to a save of the other client, so there are at most as many.
async fn increment_expecting(store: &Store, times: u32) {
    let mut conflicts = 0;
    for _ in 0..times {
        loop {
            let session = store.load(ID).await.unwrap().unwrap();
            let count: u32 = String::from_utf8(session.data).unwrap().parse().unwrap();
            tokio::task::yield_now().await;
            match store.save(ID, &data((count + 1).to_string()), Some(session.info.version)).await {
                Ok(_) => break,
                Err(Error::Conflict(_)) => conflicts += 1,
                Err(other) => panic!("{other:?}"),
            }
            assert!(conflicts <= times, "{conflicts} conflicts with {times} saves");
        }
    }
}

pub async fn no_increment_is_lost_with_expected_versions(host: &impl Harness) {
    let (a, b) = (host.store().await, host.store().await);
    a.create(Some(ID), &data("0")).await.unwrap();
    tokio::join!(increment_expecting(&a, 50), increment_expecting(&b, 50));
    assert_eq!(a.text(ID).await.as_deref(), Some("100"));
    assert_eq!(b.load(ID).await.unwrap().unwrap().info.version, 101);
}
