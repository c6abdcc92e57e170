//! Create, load and save: a record, its versions and its owner.

use crate::bindings::Session as Record;
use crate::bindings::{Contents, Options, SessionInfo};
use crate::check::{refused, refused_for, same};
use crate::client::{contents, data, options};
use crate::clock::{HOUR, MINUTE};
use crate::harness::Harness;

const ID: &str = "session-1";

pub async fn what_is_created_is_loaded(host: &impl Harness) {
    let store = host.store().await;
    let now = host.clock().now();
    let wanted = Contents {
        data: (0..=255).collect(),
        owner: Some("ann".into()),
        idle_timeout: Some(30 * MINUTE),
        deadline: Some(now + HOUR),
    };
    let info = store.create(Some(ID), &wanted).await.unwrap();
    assert_eq!((info.id.as_str(), info.version, info.size), (ID, 1, 256));
    assert_eq!((info.created, info.modified, info.last_active), (now, now, now));
    assert_eq!(
        (info.owner.as_deref(), info.idle_timeout, info.deadline),
        (Some("ann"), wanted.idle_timeout, wanted.deadline)
    );
    let session = store.load(ID).await.unwrap().unwrap();
    assert_eq!(session.data, wanted.data);
    same(&session.info, &info);
}

pub async fn a_random_id_is_a_uuid(host: &impl Harness) {
    let store = host.store().await;
    let mut ids = Vec::new();
    for _ in 0..20 {
        let id = store.create(None, &data("x")).await.unwrap().id;
        assert_eq!(id.len(), 32, "{id}");
        assert!(id.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')), "{id}");
        assert!(store.has(&id).await.unwrap());
        ids.push(id);
    }
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 20);
}

pub async fn a_taken_id_is_refused_and_nothing_replaced(host: &impl Harness) {
    let store = host.store().await;
    let info = store.create(Some(ID), &contents("ann", "first")).await.unwrap();
    refused(store.create(Some(ID), &contents("bob", "second")).await, "already-exists");
    let session = store.load(ID).await.unwrap().unwrap();
    assert_eq!(session.data, b"first");
    same(&session.info, &info);
    assert!(store.sessions_of("bob").await.unwrap().is_empty());
}

pub async fn what_is_absent_is_no_error(host: &impl Harness) {
    let store = host.store().await;
    assert!(store.load(ID).await.unwrap().is_none());
    assert!(!store.has(ID).await.unwrap());
    assert!(!store.delete(ID).await.unwrap());
}

pub async fn a_save_replaces_all_contents(host: &impl Harness) {
    let store = host.store().await;
    let start = host.clock().now();
    let first = Contents { idle_timeout: Some(HOUR), deadline: Some(start + HOUR), ..contents("ann", "first") };
    store.create(Some(ID), &first).await.unwrap();
    host.clock().pass(MINUTE);
    assert_eq!(store.save(ID, &data("second"), None).await.unwrap(), 2);
    let session = store.load(ID).await.unwrap().unwrap();
    assert_eq!(session.data, b"second");
    assert_eq!((session.info.owner, session.info.idle_timeout, session.info.deadline), (None, None, None));
    assert_eq!((session.info.created, session.info.modified), (start, start + MINUTE));
    assert_eq!(session.info.last_active, start + MINUTE);
    assert_eq!(store.save(ID, &first, None).await.unwrap(), 3);
    let session = store.load(ID).await.unwrap().unwrap();
    assert_eq!((session.data, session.info.owner), (first.data, first.owner));
    assert_eq!((session.info.idle_timeout, session.info.deadline), (first.idle_timeout, first.deadline));
}

pub async fn versions_count_the_saves(host: &impl Harness) {
    let store = host.store().await;
    store.create(Some(ID), &data("0")).await.unwrap();
    for version in 2..=12 {
        assert_eq!(store.save(ID, &data(version.to_string()), None).await.unwrap(), version);
        let session = store.load(ID).await.unwrap().unwrap();
        assert_eq!((session.info.version, session.data), (version, version.to_string().into_bytes()));
    }
}

pub async fn a_save_from_an_old_version_is_a_conflict(host: &impl Harness) {
    let store = host.store().await;
    store.create(Some(ID), &data("one")).await.unwrap();
    assert_eq!(store.save(ID, &data("two"), Some(1)).await.unwrap(), 2);
    for wrong in [0, 1, 3, u64::MAX] {
        refused_for(store.save(ID, &data("lost"), Some(wrong)).await, "conflict 2", &wrong);
    }
    assert_eq!(store.text(ID).await.as_deref(), Some("two"));
    assert_eq!(store.save(ID, &data("three"), Some(2)).await.unwrap(), 3);
}

pub async fn a_save_never_creates(host: &impl Harness) {
    let store = host.store().await;
    for expected in [None, Some(0), Some(1)] {
        refused_for(store.save(ID, &data("x"), expected).await, "gone", &expected);
    }
    assert!(!store.has(ID).await.unwrap());
    store.create(Some(ID), &data("x")).await.unwrap();
    store.delete(ID).await.unwrap();
    for expected in [None, Some(1)] {
        refused_for(store.save(ID, &data("x"), expected).await, "gone", &expected);
    }
    assert!(store.load(ID).await.unwrap().is_none());
}

pub async fn instances_see_each_others_writes_at_once(host: &impl Harness) {
    let (a, b) = (host.store().await, host.store().await);
    a.create(Some(ID), &data("1")).await.unwrap();
    assert_eq!(b.text(ID).await.as_deref(), Some("1"));
    for (writer, reader, text) in [(&b, &a, "2"), (&a, &b, "3"), (&b, &a, "4"), (&b, &a, "5")] {
        writer.save(ID, &data(text), None).await.unwrap();
        assert_eq!(reader.text(ID).await.as_deref(), Some(text));
    }
    b.delete(ID).await.unwrap();
    assert_eq!(a.text(ID).await, None);
}

pub async fn one_winner_for_each_version(host: &impl Harness) {
    let (a, b) = (host.store().await, host.store().await);
    a.create(Some(ID), &data("0")).await.unwrap();
    for version in 1..=50 {
        let (one, two) = (data(format!("a{version}")), data(format!("b{version}")));
        let (first, second) = tokio::join!(a.save(ID, &one, Some(version)), b.save(ID, &two, Some(version)));
        assert!(first.is_ok() != second.is_ok(), "version {version}: {first:?}, {second:?}");
        let winner = if first.is_ok() { one } else { two };
        refused(if first.is_ok() { second } else { first }, &format!("conflict {}", version + 1));
        assert_eq!(a.load(ID).await.unwrap().unwrap().data, winner.data);
    }
}

pub async fn owners_have_1_to_256_bytes(host: &impl Harness) {
    let store = host.store().await;
    store.create(Some(ID), &data("x")).await.unwrap();
    let (longest, too_long, wide) = ("x".repeat(256), "x".repeat(257), "\u{1F40C}".repeat(64));
    for good in ["a", &longest, &wide, "../../etc", "a/b\\c", "\0", "Ann <ann@example.com>", "\n"] {
        let info = store.create(None, &contents(good, "x")).await.unwrap();
        assert_eq!(info.owner.as_deref(), Some(good));
        store.save(ID, &contents(good, "x"), None).await.unwrap();
        assert_eq!(store.sessions_of(good).await.unwrap().len(), 2, "{good}");
        assert_eq!(store.delete_sessions_of(good).await.unwrap(), 2, "{good}");
        store.create(Some(ID), &data("x")).await.unwrap();
    }
    let wider = format!("{wide}x");
    for bad in ["", &too_long, &wider] {
        let invalid = "invalid-argument";
        refused_for(store.create(None, &contents(bad, "x")).await, invalid, &bad);
        refused_for(store.save(ID, &contents(bad, "x"), None).await, invalid, &bad);
        refused_for(store.sessions_of(bad).await, invalid, &bad);
        refused_for(store.delete_sessions_of(bad).await, invalid, &bad);
    }
    assert_eq!(store.load(ID).await.unwrap().unwrap().info.version, 1);
    assert_eq!(store.ids().await, [ID]);
}

pub async fn ids_have_8_to_128_characters(host: &impl Harness) {
    let store = host.store().await;
    let (longest, too_long) = ("z".repeat(128), "z".repeat(129));
    for good in ["12345678", "abcdefgh", "-_-_-_-_", "--------", &longest] {
        assert_eq!(store.create(Some(good), &data(good)).await.unwrap().id, good);
        assert_eq!(store.text(good).await.as_deref(), Some(good));
    }
    for bad in ["", "1234567", &too_long, "Abcdefgh", "abcdefg.", "abcdefg/", "abcdefg\u{e9}", "abcdefg\0"] {
        refused_for(store.create(Some(bad), &data("x")).await, "invalid-id", &bad);
    }
}

pub async fn an_imported_session_is_as_it_was(host: &impl Harness) {
    let store = host.store().await;
    let now = host.clock().now();
    let deadline = Some(now + HOUR);
    let wanted =
        Contents { owner: Some("ann".into()), idle_timeout: Some(30 * MINUTE), deadline, ..contents("ann", "x") };
    store.create(Some(ID), &wanted).await.unwrap();
    host.clock().pass(MINUTE);
    store.save(ID, &wanted, None).await.unwrap();
    host.clock().pass(MINUTE);
    store.touch(ID).await.unwrap();
    let session = store.load(ID).await.unwrap().unwrap();
    store.delete(ID).await.unwrap();

    host.clock().pass(20 * MINUTE);
    store.import(&session).await.unwrap();
    same(&store.load(ID).await.unwrap().unwrap(), &session);
    assert_eq!(store.sessions_of("ann").await.unwrap().len(), 1);
    refused(store.save(ID, &wanted, Some(1)).await, "conflict 2");
    host.clock().pass(10 * MINUTE);
    assert!(store.load(ID).await.unwrap().is_none(), "an import does not count as use");
    store.import(&session).await.unwrap();
    assert!(!store.has(ID).await.unwrap(), "an expired session stays expired");
}

pub async fn an_import_never_replaces(host: &impl Harness) {
    let store = host.store().await;
    store.create(Some(ID), &contents("ann", "old")).await.unwrap();
    let session = store.load(ID).await.unwrap().unwrap();
    let saved = store.save(ID, &contents("bob", "new"), None).await.unwrap();
    refused(store.import(&session).await, "already-exists");
    let now = store.load(ID).await.unwrap().unwrap();
    assert_eq!((now.info.version, now.info.owner.as_deref(), &*now.data), (saved, Some("bob"), &b"new"[..]));
}

pub async fn an_import_is_checked(host: &impl Harness) {
    let store = host.store_with(Options { size_limit: Some(10), ..options() }).await;
    store.create(Some(ID), &contents("ann", "x")).await.unwrap();
    let session = store.load(ID).await.unwrap().unwrap();
    store.delete(ID).await.unwrap();
    let with = |change: &dyn Fn(&mut SessionInfo)| {
        let mut changed = session.clone();
        change(&mut changed.info);
        changed
    };
    for (session, error) in [
        (with(&|info| info.id = "no id".into()), "invalid-id"),
        (with(&|info| info.version = 0), "invalid-argument"),
        (with(&|info| info.version = u64::MAX), "invalid-argument"),
        (with(&|info| info.owner = Some(String::new())), "invalid-argument"),
        (Record { data: vec![0; 11], ..session.clone() }, "too-large 10"),
    ] {
        refused(store.import(&session).await, error);
    }
    assert!(!store.has(ID).await.unwrap());
}
