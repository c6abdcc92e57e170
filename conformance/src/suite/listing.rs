//! Listings of all sessions, and of one owner's.

use std::collections::BTreeSet;

use crate::bindings::Contents;
use crate::check::{refused, refused_for, same};
use crate::client::{Store, contents, data};
use crate::clock::{HOUR, MINUTE};
use crate::harness::Harness;

async fn create(store: &Store, ids: std::ops::Range<u32>) -> BTreeSet<String> {
    let mut made = BTreeSet::new();
    for number in ids {
        let id = format!("session-{number:03}");
        store.create(Some(&id), &data("x")).await.unwrap();
        made.insert(id);
    }
    made
}

pub async fn an_empty_store_lists_nothing(host: &impl Harness) {
    let store = host.store().await;
    let cursor = store.iter(None).await.unwrap();
    for _ in 0..3 {
        let page = cursor.next_page(10).await.unwrap();
        assert!(page.sessions.is_empty() && page.unreadable.is_empty());
    }
}

pub async fn pages_add_up_to_all_in_one_order(host: &impl Harness) {
    let (store, other) = (host.store().await, host.store().await);
    let made = create(&store, 0..40).await;
    let order = store.ids().await;
    assert_eq!(order.len(), 40);
    assert_eq!(order.iter().cloned().collect::<BTreeSet<_>>(), made);
    for limit in [1, 7, 39, 40, 41, 1000] {
        let infos = other.iter(None).await.unwrap().rest(limit).await;
        assert_eq!(infos.into_iter().map(|info| info.id).collect::<Vec<_>>(), order, "in pages of {limit}");
    }
}

pub async fn a_page_has_1_to_1000_sessions(host: &impl Harness) {
    let store = host.store().await;
    store.create(Some("session-1"), &data("x")).await.unwrap();
    let cursor = store.iter(None).await.unwrap();
    for bad in [0, 1001, u32::MAX] {
        refused_for(cursor.next_page(bad).await, "invalid-argument", &bad);
    }
    assert_eq!(cursor.next_page(1000).await.unwrap().sessions.len(), 1, "nothing was skipped");
    assert!(cursor.next_page(1).await.unwrap().sessions.is_empty());
}

pub async fn entries_say_what_a_load_says(host: &impl Harness) {
    let store = host.store().await;
    let deadline = host.clock().now() + HOUR;
    let full = Contents { idle_timeout: Some(HOUR), deadline: Some(deadline), ..contents("ann", vec![7; 3000]) };
    store.create(Some("session-1"), &full).await.unwrap();
    store.create(Some("session-2"), &data("")).await.unwrap();
    host.clock().pass(MINUTE);
    store.save("session-2", &data("later"), None).await.unwrap();
    store.touch("session-1").await.unwrap();
    for info in store.iter(None).await.unwrap().rest(10).await {
        same(&info, &store.load(&info.id).await.unwrap().unwrap().info);
    }
    same(&store.sessions_of("ann").await.unwrap(), &[store.load("session-1").await.unwrap().unwrap().info]);
}

pub async fn a_listing_starts_behind_an_id(host: &impl Harness) {
    let store = host.store().await;
    create(&store, 0..30).await;
    let order = store.ids().await;
    for at in [0, 1, 15, 28, 29] {
        let rest = store.iter(Some(&order[at])).await.unwrap().rest(4).await;
        assert_eq!(rest.into_iter().map(|info| info.id).collect::<Vec<_>>(), order[at + 1..], "after {at}");
    }
    store.delete(&order[15]).await.unwrap();
    let rest = store.iter(Some(&order[15])).await.unwrap().rest(4).await;
    assert_eq!(rest.into_iter().map(|info| info.id).collect::<Vec<_>>(), order[16..], "after a deleted session");
    refused(store.iter(Some("../..")).await.map(drop), "invalid-id");
    store.iter(Some("never-there")).await.unwrap().rest(4).await;
}

/// A session that exists throughout is listed exactly once, whatever is created and deleted meanwhile.
pub async fn a_listing_stands_changes(host: &impl Harness) {
    let (store, other) = (host.store().await, host.store().await);
    let kept = create(&store, 0..60).await;
    create(&store, 500..530).await;
    let cursor = store.iter(None).await.unwrap();
    let mut seen = Vec::new();
    for round in 0.. {
        let page = cursor.next_page(5).await.unwrap();
        if page.sessions.is_empty() {
            break;
        }
        seen.extend(page.sessions.into_iter().map(|info| info.id));
        create(&other, 600 + round..601 + round).await;
        other.delete(&format!("session-{}", 500 + round)).await.unwrap();
    }
    let unique: BTreeSet<_> = seen.iter().cloned().collect();
    assert_eq!(unique.len(), seen.len(), "no session is listed twice");
    assert!(kept.is_subset(&unique), "missing: {:?}", kept.difference(&unique));
}

pub async fn what_has_expired_is_not_listed(host: &impl Harness) {
    let store = host.store().await;
    let dying = Contents { idle_timeout: Some(MINUTE), ..contents("ann", "x") };
    for number in 0..30 {
        let contents = if number % 3 == 0 { contents("ann", "x") } else { dying.clone() };
        store.create(Some(&format!("session-{number}")), &contents).await.unwrap();
    }
    assert_eq!(store.ids().await.len(), 30);
    host.clock().pass(MINUTE);
    assert_eq!(store.iter(None).await.unwrap().rest(2).await.len(), 10, "an empty page is always the end");
    assert_eq!(store.sessions_of("ann").await.unwrap().len(), 10);
}

async fn of(store: &Store, owner: &str) -> Vec<String> {
    store.sessions_of(owner).await.unwrap().into_iter().map(|info| info.id).collect()
}

pub async fn an_owners_sessions_come_oldest_first(host: &impl Harness) {
    let store = host.store().await;
    for (id, owner) in [("zzzzzzzz", "ann"), ("bobs-one", "bob"), ("mmmmmmmm", "ann"), ("aaaaaaaa", "ann")] {
        store.create(Some(id), &contents(owner, "x")).await.unwrap();
        host.clock().pass(MINUTE);
    }
    store.create(Some("nobodys-"), &data("x")).await.unwrap();
    assert_eq!(of(&store, "ann").await, ["zzzzzzzz", "mmmmmmmm", "aaaaaaaa"]);
    assert_eq!(of(&store, "bob").await, ["bobs-one"]);
    assert!(of(&store, "eve").await.is_empty());
    assert!(of(&store, "Ann").await.is_empty());
}

/// In pages of any size, whatever sessions are created, deleted or change owners meanwhile.
pub async fn an_owners_sessions_come_in_pages(host: &impl Harness) {
    let (store, other) = (host.store().await, host.store().await);
    let mut made = Vec::new();
    for number in 0..40 {
        // Neither in id order nor in reverse.
        let id = format!("session-{:02}", number * 7 % 40);
        store.create(Some(&id), &contents("ann", "x")).await.unwrap();
        host.clock().pass(1);
        made.push(id);
    }
    store.create(Some("bobs-one"), &contents("bob", "x")).await.unwrap();
    for limit in [1, 7, 39, 40, 41, 1000] {
        let infos = other.iter_of("ann").await.unwrap().rest(limit).await;
        assert_eq!(infos.into_iter().map(|info| info.id).collect::<Vec<_>>(), made, "in pages of {limit}");
    }
    let cursor = store.iter_of("ann").await.unwrap();
    for bad in [0, 1001, u32::MAX] {
        refused_for(cursor.next_page(bad).await, "invalid-argument", &bad);
    }
    assert_eq!(cursor.rest(10).await.len(), 40, "nothing was skipped");

    let cursor = store.iter_of("ann").await.unwrap();
    assert_eq!(cursor.next_page(10).await.unwrap().sessions.len(), 10);
    other.delete(&made[0]).await.unwrap();
    other.delete(&made[20]).await.unwrap();
    other.save(&made[30], &contents("bob", "x"), None).await.unwrap();
    other.save(&made[31], &contents("ann", "longer"), None).await.unwrap();
    other.create(Some("a-late-one"), &contents("ann", "x")).await.unwrap();
    let rest = cursor.rest(7).await;
    let expected: Vec<_> = (10..40).filter(|at| ![20, 30].contains(at)).map(|at| made[at].as_str()).collect();
    assert_eq!(rest.iter().map(|info| info.id.as_str()).collect::<Vec<_>>(), expected);
    assert_eq!(rest.iter().find(|info| info.id == made[31]).unwrap().size, 6, "an entry is as of its page");
}

pub async fn an_owners_sessions_are_counted(host: &impl Harness) {
    let store = host.store().await;
    for number in 0..9 {
        let owner = if number % 3 == 0 { "bob" } else { "ann" };
        store.create(Some(&format!("session-{number}")), &contents(owner, "x")).await.unwrap();
    }
    store.create(None, &data("x")).await.unwrap();
    let count = async |owner| store.count_of(owner).await.unwrap();
    assert_eq!((count("ann").await, count("bob").await, count("eve").await), (6, 3, 0));
    store.delete("session-1").await.unwrap();
    store.rename("session-2", Some("session-x")).await.unwrap();
    store.save("session-4", &contents("bob", "x"), None).await.unwrap();
    assert_eq!((count("ann").await, count("bob").await), (4, 4));
    store.delete_sessions_of("ann").await.unwrap();
    assert_eq!((count("ann").await, count("bob").await), (0, 4));
    for wrong in ["", &"x".repeat(257)] {
        refused_for(store.count_of(wrong).await, "invalid-argument", &wrong);
        refused_for(store.iter_of(wrong).await.map(drop), "invalid-argument", &wrong);
    }
}

pub async fn a_session_moves_with_its_owner(host: &impl Harness) {
    let (store, other) = (host.store().await, host.store().await);
    let id = "session-1";
    store.create(Some(id), &data("x")).await.unwrap();
    let rows = [Some("ann"), Some("bob"), None, Some("bob"), Some("ann")];
    for owner in rows {
        let next = Contents { owner: owner.map(str::to_owned), ..data("x") };
        store.save(id, &next, None).await.unwrap();
        for name in ["ann", "bob"] {
            assert_eq!(
                of(&other, name).await.len(),
                usize::from(owner == Some(name)),
                "{name} while the owner is {owner:?}"
            );
        }
    }
    store.rename(id, Some("session-2")).await.unwrap();
    assert_eq!(of(&other, "ann").await, ["session-2"]);
    store.delete("session-2").await.unwrap();
    assert!(of(&other, "ann").await.is_empty());
}

pub async fn logging_out_everywhere(host: &impl Harness) {
    let (store, other) = (host.store().await, host.store().await);
    let mut ids = Vec::new();
    for _ in 0..12 {
        ids.push(store.create(None, &contents("ann", "x")).await.unwrap().id);
    }
    store.create(Some("bobs-one"), &contents("bob", "x")).await.unwrap();
    store.create(Some("moved-on"), &contents("ann", "x")).await.unwrap();
    store.save("moved-on", &contents("bob", "x"), None).await.unwrap();
    assert_eq!(other.delete_sessions_of("ann").await.unwrap(), 12);
    assert_eq!(other.delete_sessions_of("ann").await.unwrap(), 0);
    for id in &ids {
        assert!(store.load(id).await.unwrap().is_none());
        refused(store.save(id, &contents("ann", "x"), None).await, "gone");
    }
    assert!(of(&store, "ann").await.is_empty());
    assert_eq!(of(&store, "bob").await.len(), 2);
}

pub async fn a_locked_session_is_not_left_out_of_a_logout(host: &impl Harness) {
    let (a, b) = (host.store().await, host.store().await);
    a.create(Some("session-1"), &contents("ann", "x")).await.unwrap();
    let guard = a.lock_now("session-1").await.unwrap();
    let (deleted, ()) = tokio::join!(b.delete_sessions_of("ann"), async {
        guard.save(&contents("ann", "y"), None).await.unwrap();
        guard.close().await;
    });
    assert_eq!(deleted.unwrap(), 1);
    assert!(!a.has("session-1").await.unwrap());
}

pub async fn usage_says_how_much_there_is(host: &impl Harness) {
    let store = host.store().await;
    assert_eq!(store.usage().await.unwrap().sessions, 0);
    for number in 0..5 {
        store.create(Some(&format!("session-{number}")), &data([7; 1000])).await.unwrap();
    }
    store.delete("session-0").await.unwrap();
    let usage = store.usage().await.unwrap();
    assert_eq!(usage.sessions, 4);
    assert!(usage.bytes >= 4000, "{usage:?}");
}
