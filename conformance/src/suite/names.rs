//! Delete, has and rename: the life of an id.

use crate::bindings::Contents;
use crate::check::{refused, refused_for, same};
use crate::client::{contents, data};
use crate::clock::{HOUR, MINUTE};
use crate::harness::Harness;

const ID: &str = "session-1";
const NEW: &str = "session-2";

pub async fn a_delete_says_whether_there_was_one(host: &impl Harness) {
    let store = host.store().await;
    assert!(!store.delete(ID).await.unwrap());
    store.create(Some(ID), &data("x")).await.unwrap();
    assert!(store.delete(ID).await.unwrap());
    assert!(!store.delete(ID).await.unwrap());
}

pub async fn what_is_deleted_is_gone_for_all(host: &impl Harness) {
    let (a, b) = (host.store().await, host.store().await);
    a.create(Some(ID), &contents("ann", "x")).await.unwrap();
    assert!(b.has(ID).await.unwrap());
    b.delete(ID).await.unwrap();
    for store in [&a, &b] {
        assert!(store.load(ID).await.unwrap().is_none());
        assert!(!store.has(ID).await.unwrap());
        refused(store.save(ID, &data("y"), None).await, "gone");
        refused(store.touch(ID).await, "gone");
        refused(store.rename(ID, Some(NEW)).await, "gone");
        assert!(store.ids().await.is_empty());
        assert!(store.sessions_of("ann").await.unwrap().is_empty());
    }
}

pub async fn a_deleted_id_is_free(host: &impl Harness) {
    let store = host.store().await;
    store.create(Some(ID), &contents("ann", "old")).await.unwrap();
    store.save(ID, &contents("ann", "older"), None).await.unwrap();
    store.delete(ID).await.unwrap();
    host.clock().pass(MINUTE);
    let info = store.create(Some(ID), &data("new")).await.unwrap();
    assert_eq!((info.version, info.created, info.owner), (1, host.clock().now(), None));
    assert_eq!(store.text(ID).await.as_deref(), Some("new"));
}

pub async fn has_tells_whether_a_load_would_find_it(host: &impl Harness) {
    let store = host.store().await;
    assert!(!store.has(ID).await.unwrap());
    store.create(Some(ID), &data(vec![0; 100_000])).await.unwrap();
    assert!(store.has(ID).await.unwrap());
    store.rename(ID, Some(NEW)).await.unwrap();
    assert!(!store.has(ID).await.unwrap());
    assert!(store.has(NEW).await.unwrap());
}

pub async fn a_rename_keeps_everything_but_the_id_and_is_a_use(host: &impl Harness) {
    let (a, b) = (host.store().await, host.store().await);
    let start = host.clock().now();
    let wanted = Contents { idle_timeout: Some(HOUR), deadline: Some(start + 9 * HOUR), ..contents("ann", "data") };
    a.create(Some(ID), &data("first")).await.unwrap();
    host.clock().pass(MINUTE);
    a.save(ID, &wanted, None).await.unwrap();
    host.clock().pass(MINUTE);
    a.touch(ID).await.unwrap();
    let mut info = a.load(ID).await.unwrap().unwrap().info;
    host.clock().pass(MINUTE);
    assert_eq!(a.rename(ID, Some(NEW)).await.unwrap(), NEW);
    info.id = NEW.into();
    info.last_active = host.clock().now();
    for store in [&a, &b] {
        let session = store.load(NEW).await.unwrap().unwrap();
        assert_eq!(session.data, b"data");
        same(&session.info, &info);
    }
    assert_eq!(b.save(NEW, &wanted, Some(2)).await.unwrap(), 3);
}

pub async fn a_rename_leaves_the_old_id_dead(host: &impl Harness) {
    let store = host.store().await;
    store.create(Some(ID), &contents("ann", "x")).await.unwrap();
    store.rename(ID, Some(NEW)).await.unwrap();
    assert!(store.load(ID).await.unwrap().is_none());
    refused(store.save(ID, &data("y"), None).await, "gone");
    refused(store.touch(ID).await, "gone");
    refused(store.rename(ID, None).await, "gone");
    assert!(!store.delete(ID).await.unwrap());
    assert_eq!(store.ids().await, [NEW]);
    assert_eq!(store.create(Some(ID), &data("another")).await.unwrap().version, 1);
    assert_eq!(store.text(NEW).await.as_deref(), Some("x"));
}

pub async fn a_rename_without_an_id_makes_a_random_one(host: &impl Harness) {
    let store = host.store().await;
    store.create(Some(ID), &data("x")).await.unwrap();
    let first = store.rename(ID, None).await.unwrap();
    let second = store.rename(&first, None).await.unwrap();
    assert_ne!(first, second);
    for id in [&first, &second] {
        assert!(id.len() == 32 && id.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')), "{id}");
    }
    assert_eq!(store.text(&second).await.as_deref(), Some("x"));
}

pub async fn a_rename_never_replaces(host: &impl Harness) {
    let store = host.store().await;
    store.create(Some(ID), &data("one")).await.unwrap();
    store.create(Some(NEW), &data("two")).await.unwrap();
    refused(store.rename(ID, Some(NEW)).await, "already-exists");
    refused(store.rename(ID, Some(ID)).await, "already-exists");
    assert_eq!(store.text(ID).await.as_deref(), Some("one"));
    assert_eq!(store.text(NEW).await.as_deref(), Some("two"));
}

pub async fn a_rename_of_what_is_absent_is_gone(host: &impl Harness) {
    let store = host.store().await;
    for new_id in [None, Some(NEW)] {
        refused_for(store.rename(ID, new_id).await, "gone", &new_id);
    }
    assert!(store.ids().await.is_empty());
    store.create(Some(ID), &data("x")).await.unwrap();
    refused(store.rename(ID, Some("../../up")).await, "invalid-id");
    assert_eq!(store.text(ID).await.as_deref(), Some("x"));
}

/// A concurrent delete and rename: one comes first, and the other finds nothing.
pub async fn a_race_for_an_id_has_one_winner(host: &impl Harness) {
    let (a, b) = (host.store().await, host.store().await);
    for round in 0..20 {
        let (id, target) = (format!("session-{round}"), format!("renamed-{round}"));
        a.create(Some(&id), &data("x")).await.unwrap();
        let (deleted, renamed) = tokio::join!(a.delete(&id), b.rename(&id, Some(&target)));
        let (deleted, renamed) = (deleted.unwrap(), renamed.is_ok());
        assert!(deleted != renamed, "round {round}");
        assert_eq!(a.has(&target).await.unwrap(), renamed);
        let (ours, yours) = (data("a"), data("b"));
        let (one, two) = tokio::join!(a.create(Some(&id), &ours), b.create(Some(&id), &yours));
        assert!(one.is_ok() != two.is_ok(), "round {round}");
        refused(if one.is_ok() { two } else { one }, "already-exists");
    }
}
