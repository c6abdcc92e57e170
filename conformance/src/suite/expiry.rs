//! Timeouts and deadlines, with a clock that steps.

use crate::bindings::{Contents, LockMode};
use crate::check::{refused, refused_for, same};
use crate::client::{Store, contents, data};
use crate::clock::{DAY, HOUR, MINUTE, SECOND};
use crate::harness::Harness;

const ID: &str = "session-1";
const IDLE: u64 = 30 * MINUTE;

fn idle() -> Contents {
    Contents { idle_timeout: Some(IDLE), ..contents("ann", "data") }
}

async fn exists(store: &Store) -> bool {
    store.load(ID).await.unwrap().is_some()
}

pub async fn the_idle_timeout_is_exact(host: &impl Harness) {
    let start = host.clock().now();
    for (after, alive) in [(0, true), (IDLE - SECOND, true), (IDLE - 1, true), (IDLE, false), (IDLE + SECOND, false)] {
        host.clock().set(start);
        let store = host.store().await;
        let id = store.create(None, &idle()).await.unwrap().id;
        host.clock().pass(after);
        assert_eq!(store.has(&id).await.unwrap(), alive, "after {after}");
        assert_eq!(store.load(&id).await.unwrap().is_some(), alive, "after {after}");
    }
}

pub async fn the_deadline_is_exact(host: &impl Harness) {
    let start = host.clock().now();
    for (after, alive) in [(HOUR - SECOND, true), (HOUR - 1, true), (HOUR, false), (HOUR + SECOND, false)] {
        host.clock().set(start);
        let store = host.store().await;
        let id = store.create(None, &Contents { deadline: Some(start + HOUR), ..data("x") }).await.unwrap().id;
        host.clock().pass(after);
        assert_eq!(store.has(&id).await.unwrap(), alive, "after {after}");
        assert_eq!(store.load(&id).await.unwrap().is_some(), alive, "after {after}");
    }
}

pub async fn without_timeouts_nothing_expires(host: &impl Harness) {
    let store = host.store().await;
    store.create(Some(ID), &data("x")).await.unwrap();
    host.clock().pass(3650 * DAY);
    assert!(exists(&store).await);
}

pub async fn whichever_comes_first(host: &impl Harness) {
    let store = host.store().await;
    let start = host.clock().now();
    store.create(Some(ID), &Contents { deadline: Some(start + HOUR), ..idle() }).await.unwrap();
    for minutes in [29, 58] {
        host.clock().set(start + minutes * MINUTE);
        store.touch(ID).await.unwrap();
    }
    host.clock().set(start + HOUR - 1);
    assert!(exists(&store).await, "used within the idle timeout");
    store.touch(ID).await.unwrap();
    host.clock().set(start + HOUR);
    assert!(!exists(&store).await, "use does not extend the deadline");
}

pub async fn a_load_is_no_use(host: &impl Harness) {
    let store = host.store().await;
    store.create(Some(ID), &idle()).await.unwrap();
    for _ in 0..3 {
        host.clock().pass(IDLE / 3);
        store.load(ID).await.unwrap();
        store.has(ID).await.unwrap();
    }
    assert!(!exists(&store).await);
}

pub async fn a_touch_counts_from_now_and_changes_nothing_else(host: &impl Harness) {
    let store = host.store().await;
    let start = host.clock().now();
    let mut info = store.create(Some(ID), &idle()).await.unwrap();
    for round in 1..=4 {
        host.clock().set(start + round * (IDLE - 1));
        store.touch(ID).await.unwrap();
        info.last_active = host.clock().now();
        let session = store.load(ID).await.unwrap().unwrap();
        assert_eq!(session.data, b"data");
        same(&session.info, &info);
    }
    host.clock().pass(IDLE);
    assert!(!exists(&store).await);
}

pub async fn a_save_counts_from_now(host: &impl Harness) {
    let store = host.store().await;
    store.create(Some(ID), &idle()).await.unwrap();
    for _ in 0..5 {
        host.clock().pass(IDLE - 1);
        store.save(ID, &idle(), None).await.unwrap();
    }
    assert!(exists(&store).await);
    host.clock().pass(IDLE);
    assert!(!exists(&store).await);
}

pub async fn a_touch_of_what_is_absent_is_gone(host: &impl Harness) {
    let store = host.store().await;
    refused(store.touch(ID).await, "gone");
    store.create(Some(ID), &data("x")).await.unwrap();
    store.delete(ID).await.unwrap();
    refused(store.touch(ID).await, "gone");
    assert!(!exists(&store).await);
}

/// Every operation treats an expired session as a deleted one. Each gets its own session, so that it is the first to
/// see it expired.
pub async fn an_expired_session_is_as_absent_as_a_deleted_one(host: &impl Harness) {
    let store = host.store().await;
    let mut ids = Vec::new();
    for _ in 0..13 {
        ids.push(store.create(None, &idle()).await.unwrap().id);
    }
    host.clock().pass(IDLE);
    let mut ids = ids.into_iter();
    let mut next = || ids.next().unwrap();
    assert!(store.load(&next()).await.unwrap().is_none());
    assert!(!store.has(&next()).await.unwrap());
    assert!(!store.delete(&next()).await.unwrap());
    refused(store.save(&next(), &idle(), None).await, "gone");
    refused(store.save(&next(), &idle(), Some(1)).await, "gone");
    refused(store.touch(&next()).await, "gone");
    refused(store.rename(&next(), None).await, "gone");
    let id = next();
    assert_eq!(store.create(Some(&id), &data("new")).await.unwrap().version, 1, "the id is free");
    let (id, other) = (next(), store.create(None, &data("other")).await.unwrap().id);
    assert_eq!(store.rename(&other, Some(&id)).await.unwrap(), id, "the id is free");
    guards_find_nothing(&store, [next(), next(), next(), next()]).await;
    assert!(store.sessions_of("ann").await.unwrap().is_empty());
    assert_eq!(store.ids().await.len(), 2, "only the two new sessions");
    assert_eq!(store.delete_sessions_of("ann").await.unwrap(), 0);
}

async fn guards_find_nothing(store: &Store, ids: [String; 4]) {
    let guard = store.lock_now(&ids[0]).await.unwrap();
    assert!(guard.load().await.unwrap().is_none());
    let guard = store.lock_now(&ids[1]).await.unwrap();
    refused(guard.save(&idle(), None).await, "gone");
    let guard = store.lock_now(&ids[2]).await.unwrap();
    assert!(!guard.delete().await.unwrap());
    let guard = store.lock(&ids[3], LockMode::Exclusive, None).await.unwrap();
    refused(guard.rename(None).await, "gone");
}

/// A session seen to be expired must not reappear when the clock is corrected.
pub async fn what_was_seen_expired_stays_gone_when_the_clock_steps_back(host: &impl Harness) {
    let store = host.store().await;
    let start = host.clock().now();
    for seen_by in ["load", "has", "touch", "save", "delete", "rename", "guard"] {
        host.clock().set(start);
        store.create(Some(ID), &idle()).await.unwrap();
        host.clock().set(start + IDLE);
        match seen_by {
            "load" => assert!(store.load(ID).await.unwrap().is_none()),
            "has" => assert!(!store.has(ID).await.unwrap()),
            "touch" => refused(store.touch(ID).await, "gone"),
            "save" => refused(store.save(ID, &idle(), None).await, "gone"),
            "delete" => assert!(!store.delete(ID).await.unwrap()),
            "rename" => refused(store.rename(ID, None).await, "gone"),
            _ => {
                let guard = store.lock_now(ID).await.unwrap();
                assert!(guard.load().await.unwrap().is_none());
                guard.close().await;
            }
        }
        host.clock().set(start + MINUTE);
        assert!(!exists(&host.store().await).await, "seen by {seen_by}");
        refused_for(store.save(ID, &idle(), None).await, "gone", &seen_by);
    }
}

/// The clock jumps ahead, the session is touched, the clock is corrected: no last use is in the future.
pub async fn a_clock_that_was_ahead_dates_nothing_in_the_future(host: &impl Harness) {
    let store = host.store().await;
    let start = host.clock().now();
    store.create(Some(ID), &Contents { idle_timeout: Some(DAY), ..data("x") }).await.unwrap();
    host.clock().set(start + 20 * HOUR);
    store.touch(ID).await.unwrap();
    host.clock().set(start + HOUR);
    let info = store.load(ID).await.unwrap().unwrap().info;
    assert!(info.last_active <= start + HOUR, "{info:?}");
    store.touch(ID).await.unwrap();
    assert_eq!(store.load(ID).await.unwrap().unwrap().info.last_active, start + HOUR);
    host.clock().set(start + 25 * HOUR);
    assert!(!exists(&store).await, "idle since the last use by the correct clock");
}

/// A session created while the clock was ahead must not live until that time.
pub async fn a_session_from_the_future_is_not_kept_by_it(host: &impl Harness) {
    let store = host.store().await;
    let start = host.clock().now();
    host.clock().set(start + 10 * DAY);
    store.create(Some(ID), &idle()).await.unwrap();
    host.clock().set(start);
    exists(&store).await;
    host.clock().set(start + IDLE + MINUTE);
    assert!(!exists(&store).await);
    host.clock().set(start + 10 * DAY);
    assert!(!exists(&store).await, "it was seen to be expired");
}

/// Clocks step by small amounts all the time; that must not end a session.
pub async fn a_small_step_back_is_forgiven(host: &impl Harness) {
    let store = host.store().await;
    let start = host.clock().now();
    store.create(Some(ID), &idle()).await.unwrap();
    host.clock().set(start - 5 * SECOND);
    assert!(exists(&store).await);
    assert_eq!(store.save(ID, &idle(), Some(1)).await.unwrap(), 2);
    store.touch(ID).await.unwrap();
    assert!(exists(&store).await);
}

pub async fn timeouts_at_the_ends_of_the_scale(host: &impl Harness) {
    let store = host.store().await;
    let end = u64::MAX;
    let forever = Contents { idle_timeout: Some(end), deadline: Some(end), ..data("x") };
    store.create(Some(ID), &forever).await.unwrap();
    host.clock().pass(3650 * DAY);
    let info = store.load(ID).await.unwrap().unwrap().info;
    assert_eq!((info.idle_timeout, info.deadline), (Some(end), Some(end)));
    for over in [Contents { idle_timeout: Some(0), ..data("x") }, Contents { deadline: Some(0), ..data("x") }] {
        store.save(ID, &over, None).await.unwrap();
        assert!(!exists(&store).await, "{over:?}");
        store.create(Some(ID), &forever).await.unwrap();
    }
}
