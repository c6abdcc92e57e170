//! Remember-me, step-up authentication, and the times a session reports.

use crate::bindings::Access::{Optimistic, ReadOnly};
use crate::browser::{Browser, new_session, set_cookies};
use crate::check::refused;
use crate::client::{Configuration, Manager, Session};
use crate::clock::{DAY, HOUR, MINUTE, SECOND};
use crate::harness::Harness;

async fn remembered(manager: &Manager) -> (Browser, Option<String>) {
    let session = Browser::new().start(manager, Optimistic).await.unwrap();
    session.set_user(Some("ann")).await.unwrap();
    session.remember(true).await.unwrap();
    let fields = manager.finish(session).await.unwrap();
    let mut browser = Browser::new();
    browser.receive(&fields);
    (browser, max_age(&fields))
}

fn max_age(fields: &[(String, String)]) -> Option<String> {
    set_cookies(fields)[0].attributes.get("max-age").cloned()
}

pub async fn a_remembered_session_outlives_the_browser(host: &impl Harness) {
    let manager = host.manager().await;
    let start = host.clock().now();
    for (after, alive) in [(30 * DAY - SECOND, true), (30 * DAY + SECOND, false)] {
        host.clock().set(start);
        let (mut browser, age) = remembered(&manager).await;
        assert_eq!(age.as_deref(), Some("2592000"));
        host.clock().pass(after);
        assert_eq!(browser.look(&manager).await.is_some(), alive, "after {after}");
    }
}

pub async fn it_is_chosen_for_each_login(host: &impl Harness) {
    let manager = host.manager().await;
    let (mut browser, _) = remembered(&manager).await;
    let session = browser.start(&manager, Optimistic).await.unwrap();
    session.set_user(Some("bob")).await.unwrap();
    assert!(!session.remembered().await);
    let fields = manager.finish(session).await.unwrap();
    assert_eq!(max_age(&fields), None, "not requested for the new user");
    browser.receive(&fields);
    host.clock().pass(30 * MINUTE);
    assert_eq!(browser.look(&manager).await, None, "the idle timeout applies");
}

pub async fn a_new_id_makes_it_last_no_longer(host: &impl Harness) {
    let configuration = Configuration { remember_timeout: Some(DAY), ..Configuration::default() };
    let manager = host.manager_with(configuration).await;
    let (mut browser, _) = remembered(&manager).await;
    host.clock().pass(6 * HOUR);
    let session = browser.start(&manager, Optimistic).await.unwrap();
    session.regenerate().await.unwrap();
    let fields = manager.finish(session).await.unwrap();
    assert_eq!(max_age(&fields).as_deref(), Some("64800"));
    browser.receive(&fields);
    host.clock().pass(18 * HOUR - SECOND);
    assert!(browser.look(&manager).await.is_some());
    host.clock().pass(2 * SECOND);
    assert_eq!(browser.look(&manager).await, None);
}

pub async fn a_login_is_fresh_for_some_minutes(host: &impl Harness) {
    let manager = host.manager().await;
    let mut browser = new_session(&manager).await;
    let fresh = async |session: &Session| session.authenticated_within(5).await;
    assert!(!browser.visit(&manager, ReadOnly, fresh).await.unwrap(), "no user is logged in");
    browser.visit(&manager, Optimistic, async |session| session.set_user(Some("ann")).await.unwrap()).await.unwrap();
    host.clock().pass(5 * MINUTE - SECOND);
    assert!(browser.visit(&manager, ReadOnly, fresh).await.unwrap());
    host.clock().pass(2 * SECOND);
    assert!(!browser.visit(&manager, ReadOnly, fresh).await.unwrap());

    let old = browser.look(&manager).await;
    browser.visit(&manager, Optimistic, async |session| session.mark_authenticated().await.unwrap()).await.unwrap();
    assert!(browser.visit(&manager, ReadOnly, fresh).await.unwrap());
    assert_ne!(browser.look(&manager).await, old, "a change of privilege");
    host.clock().set(host.clock().now() - HOUR);
    assert!(!browser.visit(&manager, ReadOnly, fresh).await.unwrap(), "a clock stepped back makes nothing fresh");
}

pub async fn nobody_cannot_authenticate(host: &impl Harness) {
    let manager = host.manager().await;
    let session = Browser::new().start(&manager, Optimistic).await.unwrap();
    refused(session.mark_authenticated().await, "invalid-argument");
    session.set_user(Some("ann")).await.unwrap();
    session.mark_authenticated().await.unwrap();
    assert_eq!(session.authenticated().await, Some(host.clock().now()));
    session.set_user(None).await.unwrap();
    assert_eq!(session.authenticated().await, None);
}

pub async fn the_end_of_a_session_is_told(host: &impl Harness) {
    let manager = host.manager().await;
    let start = host.clock().now();
    let mut browser = new_session(&manager).await;
    let expires = async |session: &Session| session.expires().await;
    assert_eq!(browser.visit(&manager, ReadOnly, expires).await.unwrap(), Some(start + 30 * MINUTE));
    host.clock().pass(30 * SECOND);
    assert_eq!(
        browser.visit(&manager, Optimistic, expires).await.unwrap(),
        Some(start + 30 * MINUTE),
        "this use is not recorded yet"
    );
    host.clock().pass(MINUTE);
    let end = host.clock().now() + 30 * MINUTE;
    assert_eq!(browser.visit(&manager, ReadOnly, expires).await.unwrap(), Some(start + 30 * MINUTE));
    assert_eq!(browser.visit(&manager, Optimistic, expires).await.unwrap(), Some(end));
    host.clock().set(end - SECOND);
    assert!(browser.clone().visit(&manager, ReadOnly, expires).await.unwrap().is_some());
    host.clock().set(end + SECOND);
    assert_eq!(browser.visit(&manager, ReadOnly, expires).await.unwrap(), None);
    assert_eq!(
        remembered(&manager).await.0.visit(&manager, ReadOnly, expires).await.unwrap(),
        Some(end + SECOND + 30 * DAY)
    );
}

pub async fn the_last_use_is_noted_as_often_as_configured(host: &impl Harness) {
    let configuration = Configuration { activity_resolution: Some(5 * MINUTE), ..Configuration::default() };
    let manager = host.manager_with(configuration).await;
    let start = host.clock().now();
    let mut browser = new_session(&manager).await;
    let last = async |session: &Session| session.last_active().await;
    host.clock().pass(5 * MINUTE - SECOND);
    browser.look(&manager).await.unwrap();
    assert_eq!(browser.visit(&manager, ReadOnly, last).await.unwrap(), start);
    host.clock().pass(2 * SECOND);
    browser.look(&manager).await.unwrap();
    assert_eq!(browser.visit(&manager, ReadOnly, last).await.unwrap(), host.clock().now());
}
