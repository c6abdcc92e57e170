//! Deleting old and expired sessions.

use crate::bindings::{Contents, GarbageReport};
use crate::check::{kind, refused};
use crate::client::{Store, contents, data};
use crate::clock::{HOUR, MINUTE};
use crate::harness::Harness;

fn dying(at: u64) -> Contents {
    Contents { deadline: Some(at), ..contents("ann", "x") }
}

/// Collects the whole store in steps of this budget. Returns the total report and the number of steps.
async fn collect(store: &Store, budget: u32) -> (GarbageReport, u32) {
    let mut total = GarbageReport { examined: 0, expired: 0, abandoned: 0, repaired: 0, resume: None };
    for step in 1..100_000 {
        let report = store.collect(budget, total.resume.as_deref()).await.unwrap();
        total.examined += report.examined;
        total.expired += report.expired;
        total.abandoned += report.abandoned;
        total.repaired += report.repaired;
        total.resume = report.resume;
        if total.resume.is_none() {
            return (total, step);
        }
    }
    panic!("garbage collection does not end");
}

pub async fn old_sessions_are_deleted_by_last_activity(host: &impl Harness) {
    let store = host.store().await;
    let start = host.clock().now();
    for minutes in [0, 10, 20, 30] {
        host.clock().set(start + minutes * MINUTE);
        store.create(Some(&format!("created-{minutes:02}")), &data("x")).await.unwrap();
    }
    host.clock().set(start + 40 * MINUTE);
    store.touch("created-00").await.unwrap();
    assert_eq!(store.delete_old(31).await.unwrap(), (0, 4));
    assert_eq!(store.delete_old(30).await.unwrap(), (1, 3));
    assert!(!store.has("created-10").await.unwrap());
    host.clock().pass(MINUTE - 1);
    assert_eq!(store.delete_old(21).await.unwrap(), (0, 3), "one millisecond too early");
    host.clock().pass(1);
    assert_eq!(store.delete_old(21).await.unwrap(), (1, 2));
    let mut left = store.ids().await;
    left.sort_unstable();
    assert_eq!(left, ["created-00", "created-30"]);
    assert_eq!(store.delete_old(0).await.unwrap(), (2, 0));
    assert_eq!(store.delete_old(0).await.unwrap(), (0, 0));
    assert_eq!(store.delete_old(u32::MAX).await.unwrap(), (0, 0));
    store.create(Some("session-1"), &dying(host.clock().now() + HOUR)).await.unwrap();
    host.clock().pass(HOUR);
    assert_eq!(store.delete_old(u32::MAX).await.unwrap(), (1, 0), "an expired session is old");
}

pub async fn an_old_session_in_use_is_not_deleted(host: &impl Harness) {
    let store = host.store().await;
    store.create(Some("session-1"), &data("x")).await.unwrap();
    let guard = host.store().await.lock_now("session-1").await.unwrap();
    assert_eq!(store.delete_old(0).await.unwrap(), (0, 1));
    guard.close().await;
    assert_eq!(store.delete_old(0).await.unwrap(), (1, 0));
}

pub async fn garbage_is_collected_in_steps(host: &impl Harness) {
    let store = host.store().await;
    let start = host.clock().now();
    for budget in [1, 3, 10, 1000, u32::MAX] {
        host.clock().set(start);
        for number in 0..30 {
            let contents = if number % 3 == 0 { contents("bob", "lives") } else { dying(start + HOUR) };
            store.create(Some(&format!("session-{number}-{budget}")), &contents).await.unwrap();
        }
        host.clock().set(start + HOUR);
        let (report, steps) = collect(&store, budget).await;
        assert_eq!(report.expired, 20, "budget {budget}");
        assert!(budget > 3 || steps > 1, "budget {budget}: one step collected everything");
        assert_eq!(store.delete_old(0).await.unwrap(), (10, 0), "budget {budget}");
    }
}

pub async fn a_step_examines_about_its_budget(host: &impl Harness) {
    let store = host.store().await;
    for _ in 0..100 {
        store.create(None, &data("x")).await.unwrap();
    }
    let mut resume = None;
    loop {
        let report = store.collect(10, resume.as_deref()).await.unwrap();
        assert!(report.examined <= 20, "{report:?}");
        resume = report.resume;
        if resume.is_none() {
            break;
        }
    }
    assert_eq!(collect(&store, 10).await.0.expired, 0);
    assert_eq!(store.ids().await.len(), 100);
}

/// A step is also bounded within a single large directory, and makes progress in it.
pub async fn steps_go_on_while_sessions_come_and_go(host: &impl Harness) {
    let store = host.store().await;
    let deadline = host.clock().now() + HOUR;
    for _ in 0..60 {
        store.create(None, &dying(deadline)).await.unwrap();
    }
    host.clock().set(deadline);
    let (mut resume, mut expired) = (None, 0);
    loop {
        let report = store.collect(7, resume.as_deref()).await.unwrap();
        expired += report.expired;
        resume = report.resume;
        if resume.is_none() {
            break;
        }
        let id = store.create(None, &data("in between")).await.unwrap().id;
        store.delete(&id).await.unwrap();
    }
    assert_eq!(expired, 60);
}

pub async fn sessions_in_use_are_left_for_the_next_round(host: &impl Harness) {
    let (a, b) = (host.store().await, host.store().await);
    let deadline = host.clock().now() + HOUR;
    a.create(Some("session-1"), &dying(deadline)).await.unwrap();
    a.create(Some("session-2"), &dying(deadline)).await.unwrap();
    host.clock().set(deadline);
    let guard = a.lock_now("session-1").await.unwrap();
    assert_eq!(collect(&b, 100).await.0.expired, 1);
    guard.close().await;
    assert_eq!(collect(&b, 100).await.0.expired, 1);
    assert_eq!(collect(&b, 100).await.0.expired, 0);
}

pub async fn collecting_from_nowhere_harms_nothing(host: &impl Harness) {
    let store = host.store().await;
    store.create(Some("session-1"), &data("x")).await.unwrap();
    refused(store.collect(0, None).await, "invalid-argument");
    for resume in
        ["", "x", "..", "../../etc/passwd", "sessions/00", "\0", "zz/zzzzzzzz", "x00:", "szz:", &"9".repeat(5000)]
    {
        if let Err(error) = store.collect(10, Some(resume)).await {
            assert_eq!(kind(&error), "invalid-argument", "{resume:?}: {error:?}");
        }
    }
    assert_eq!(store.text("session-1").await.as_deref(), Some("x"));
}
