//! Periodic new ids, and what old cookies find.

use crate::bindings::Access::{Optimistic, ReadOnly};
use crate::browser::{Browser, new_session, set_cookies};
use crate::check::refused;
use crate::client::{Configuration, Manager, Session, integer};
use crate::clock::{HOUR, MINUTE, SECOND};
use crate::harness::Harness;

const WINDOW: u64 = 10 * SECOND;

fn renewing() -> Configuration {
    Configuration { renewal_interval: Some(15 * MINUTE), grace_window: Some(WINDOW), ..Configuration::default() }
}

async fn regenerate(manager: &Manager, browser: &mut Browser) {
    browser.visit(manager, Optimistic, async |session| session.regenerate().await.unwrap()).await.unwrap();
}

pub async fn a_session_in_use_gets_a_new_id_in_time(host: &impl Harness) {
    let manager = host.manager_with(renewing()).await;
    let mut browser = new_session(&manager).await;
    let first = browser.look(&manager).await.unwrap();
    host.clock().pass(15 * MINUTE - SECOND);
    assert_eq!(browser.look(&manager).await.as_ref(), Some(&first), "one second before");
    browser.look(&manager).await.unwrap();
    host.clock().pass(2 * SECOND);
    browser.visit(&manager, ReadOnly, async |_| ()).await.unwrap();
    assert_eq!(browser.look(&manager).await.as_ref(), Some(&first), "the renewing request uses the old id");
    let second = browser.look(&manager).await.unwrap();
    assert_ne!(second, first);
    let visits = browser.visit(&manager, ReadOnly, async |session| session.count("visits").await).await.unwrap();
    assert_eq!(visits, Some(1));
    host.clock().pass(15 * MINUTE - SECOND);
    browser.look(&manager).await.unwrap();
    assert_eq!(browser.look(&manager).await, Some(second), "the interval starts at the last new id");
}

/// Of two concurrent page views, one renews the id; the other must not fail because of it.
pub async fn two_requests_at_once_renew_once(host: &impl Harness) {
    let manager = host.manager_with(renewing()).await;
    let mut browser = new_session(&manager).await;
    host.clock().pass(20 * MINUTE);
    let one = browser.start(&manager, Optimistic).await.unwrap();
    let other = browser.start(&manager, Optimistic).await.unwrap();
    browser.receive(&manager.finish(one).await.unwrap());
    assert!(set_cookies(&manager.finish(other).await.unwrap()).is_empty());
    assert!(browser.look(&manager).await.is_some());
}

pub async fn a_late_request_reads_the_session_as_it_was(host: &impl Harness) {
    let manager = host.manager_with(renewing()).await;
    let mut browser = new_session(&manager).await;
    let late = browser.clone();
    let log_in = async |session: &Session| {
        session.set_user(Some("ann")).await.unwrap();
        session.set("secret", &integer(1)).await.unwrap();
    };
    browser.visit(&manager, Optimistic, log_in).await.unwrap();
    host.clock().pass(WINDOW - SECOND);
    let session = late.start(&manager, Optimistic).await.unwrap();
    assert_eq!(session.count("visits").await, Some(1));
    assert_eq!((session.user().await, session.contains("secret").await), (None, false), "the login is not visible");
    refused(session.set("visits", &integer(2)).await, "access-denied");
    assert!(set_cookies(&manager.finish(session).await.unwrap()).is_empty());
    host.clock().pass(2 * SECOND);
    assert_eq!(late.clone().look(&manager).await, None, "one second after the window");
    assert!(browser.look(&manager).await.is_some());
}

pub async fn a_window_closes_with_its_session(host: &impl Harness) {
    let manager = host.manager_with(renewing()).await;
    let mut browser = new_session(&manager).await;
    let mut late = browser.clone();
    regenerate(&manager, &mut browser).await;
    regenerate(&manager, &mut browser).await;
    assert!(late.look(&manager).await.is_some());
    browser.visit(&manager, Optimistic, async |session| session.expire().await.unwrap()).await.unwrap();
    assert_eq!(late.look(&manager).await, None);
}

pub async fn a_clock_stepped_back_opens_no_window(host: &impl Harness) {
    let manager = host.manager_with(renewing()).await;
    host.clock().pass(HOUR);
    let mut browser = new_session(&manager).await;
    let mut late = browser.clone();
    regenerate(&manager, &mut browser).await;
    host.clock().set(host.clock().now() - SECOND);
    assert_eq!(late.look(&manager).await, None);
}

pub async fn without_a_window_an_old_cookie_is_dead_at_once(host: &impl Harness) {
    let manager = host.manager().await;
    let mut browser = new_session(&manager).await;
    let mut late = browser.clone();
    regenerate(&manager, &mut browser).await;
    assert_eq!(late.look(&manager).await, None);
}

/// The response with the new cookie is lost, repeatedly.
pub async fn a_lost_answer_logs_nobody_out(host: &impl Harness) {
    for window in [0, WINDOW] {
        let manager = host.manager_with(Configuration { grace_window: Some(window), ..renewing() }).await;
        let mut browser = new_session(&manager).await;
        for round in 2..8 {
            host.clock().pass(16 * MINUTE);
            let lost = async |session: &Session| session.increment("visits").await;
            let count = browser.clone().visit(&manager, Optimistic, lost).await.unwrap();
            assert_eq!(count, round, "with the first cookie");
        }
        let old = browser.clone();
        browser.look(&manager).await.unwrap();
        host.clock().pass(16 * MINUTE);
        assert!(browser.look(&manager).await.is_some());
        browser.look(&manager).await.unwrap();
        host.clock().pass(WINDOW);
        assert_eq!(old.clone().look(&manager).await, None, "the client has sent the new one");
    }
}

/// A page and its subresources, when a new id is due.
pub async fn requests_at_once_all_succeed(host: &impl Harness) {
    let manager = host.manager_with(Configuration { grace_window: None, ..renewing() }).await;
    let mut browser = new_session(&manager).await;
    host.clock().pass(20 * MINUTE);
    let old = browser.clone();
    let mut running = Vec::new();
    for number in 0..4 {
        let session = old.start(&manager, Optimistic).await.unwrap();
        session.set(&format!("part {number}"), &integer(1)).await.unwrap();
        running.push(session);
    }
    let mut cookies = 0;
    for session in running {
        let fields = manager.finish(session).await.unwrap();
        cookies += set_cookies(&fields).len();
        browser.receive(&fields);
    }
    for number in 4..8 {
        let work = async |session: &Session| session.set(&format!("part {number}"), &integer(1)).await.unwrap();
        old.clone().visit(&manager, Optimistic, work).await.unwrap();
    }
    let names = browser.visit(&manager, ReadOnly, async |session| session.names().await).await.unwrap();
    assert_eq!((names.len(), cookies), (9, 1), "{names:?}");
}

/// Ends a session by a previous id, or with a previous cookie.
pub async fn every_end_follows_a_new_id(host: &impl Harness) {
    for window in [0, WINDOW] {
        let configuration =
            Configuration { grace_window: Some(window), renewal_interval: None, ..Configuration::default() };
        let manager = host.manager_with(configuration).await;
        for how in ["in flight", "late", "by id", "all others"] {
            let mut browser = Browser::new();
            let log_in = async |session: &Session| session.set_user(Some("ann")).await.unwrap();
            browser.visit(&manager, Optimistic, log_in).await.unwrap();
            let old = browser.clone();
            let id = browser.look(&manager).await.unwrap();
            let in_flight = old.start(&manager, Optimistic).await.unwrap();
            regenerate(&manager, &mut browser).await;
            match how {
                "in flight" => {
                    in_flight.expire().await.unwrap();
                    manager.finish(in_flight).await.unwrap();
                }
                "late" => {
                    let late = old.start(&manager, Optimistic).await.unwrap();
                    late.expire().await.unwrap();
                    manager.finish(late).await.unwrap();
                }
                "by id" => assert!(manager.end(&id).await.unwrap()),
                _ => {
                    assert_eq!(manager.end_other_sessions_of("ann", &id).await.unwrap(), 0, "there is no other");
                    assert!(browser.look(&manager).await.is_some());
                    assert_eq!(manager.end_sessions_of("ann").await.unwrap(), 1);
                }
            }
            for mut cookie in [browser, old] {
                assert_eq!(cookie.look(&manager).await, None, "{how}, window {window}");
            }
        }
    }
}

pub async fn what_is_kept_for_a_window_is_collected(host: &impl Harness) {
    let manager = host.manager_with(Configuration { renewal_interval: None, ..renewing() }).await;
    let mut browser = new_session(&manager).await;
    regenerate(&manager, &mut browser).await;
    assert_eq!(host.store().await.ids().await.len(), 2);
    host.clock().pass(29 * MINUTE);
    browser.look(&manager).await.unwrap();
    host.clock().pass(2 * MINUTE);
    assert_eq!(host.store().await.ids().await.len(), 1);
}
