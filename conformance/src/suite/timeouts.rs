//! The timeouts of managed sessions.

use crate::bindings::Access::{Optimistic, ReadOnly};
use crate::browser::{Browser, new_session};
use crate::client::{Configuration, Session};
use crate::clock::{DAY, HOUR, MINUTE, SECOND};
use crate::harness::Harness;

pub async fn unused_for_30_minutes(host: &impl Harness) {
    let start = host.clock().now();
    for (after, alive) in [(29 * MINUTE, true), (30 * MINUTE - 1, true), (30 * MINUTE, false), (DAY, false)] {
        host.clock().set(start);
        let manager = host.manager().await;
        let mut browser = new_session(&manager).await;
        host.clock().pass(after);
        assert_eq!(browser.look(&manager).await.is_some(), alive, "after {after}");
    }
}

pub async fn twelve_hours_however_much_it_is_used(host: &impl Harness) {
    let manager = host.manager().await;
    let start = host.clock().now();
    let mut browser = new_session(&manager).await;
    for step in 1..36 {
        host.clock().set(start + step * 20 * MINUTE);
        let work = async |session: &Session| if step % 2 == 0 { session.increment("visits").await } else { 0 };
        browser.visit(&manager, Optimistic, work).await.unwrap();
        assert!(browser.look(&manager).await.is_some(), "step {step}");
    }
    host.clock().set(start + 12 * HOUR - 1);
    assert!(browser.look(&manager).await.is_some());
    host.clock().set(start + 12 * HOUR);
    assert!(browser.look(&manager).await.is_none());
}

/// A new id alone does not extend a session; a login does (NIST SP 800-63B-4, section 5.2), without changing its
/// creation time.
pub async fn a_login_starts_the_twelve_hours_anew(host: &impl Harness) {
    let never_idle = Configuration { idle_timeout: Some(None), ..Configuration::default() };
    let manager = host.manager_with(never_idle).await;
    let start = host.clock().now();
    let mut browser = new_session(&manager).await;
    host.clock().pass(6 * HOUR);
    browser.visit(&manager, Optimistic, async |session| session.regenerate().await.unwrap()).await.unwrap();
    browser.visit(&manager, Optimistic, async |session| session.set_user(Some("ann")).await.unwrap()).await.unwrap();
    let created = browser.visit(&manager, ReadOnly, async |session| session.created().await).await.unwrap();
    assert_eq!(created, start);
    host.clock().set(start + 18 * HOUR - 1);
    assert!(browser.look(&manager).await.is_some());
    host.clock().set(start + 18 * HOUR);
    assert!(browser.look(&manager).await.is_none());
}

pub async fn a_visit_counts_as_use(host: &impl Harness) {
    let manager = host.manager().await;
    let mut browser = new_session(&manager).await;
    for _ in 0..4 {
        host.clock().pass(29 * MINUTE);
        assert!(browser.look(&manager).await.is_some());
    }
}

pub async fn polling_does_not_count_as_use(host: &impl Harness) {
    let manager = host.manager().await;
    let mut browser = new_session(&manager).await;
    for _ in 0..2 {
        host.clock().pass(14 * MINUTE);
        browser.visit(&manager, ReadOnly, async |session| session.entries().await).await.unwrap();
    }
    host.clock().pass(2 * MINUTE);
    assert!(browser.look(&manager).await.is_none());
}

pub async fn a_failed_request_does_not_shorten_a_session(host: &impl Harness) {
    let manager = host.manager().await;
    let mut browser = new_session(&manager).await;
    host.clock().pass(29 * MINUTE);
    browser.fail(&manager, Optimistic, async |session| session.increment("visits").await).await.unwrap();
    host.clock().pass(MINUTE - 1);
    assert!(browser.look(&manager).await.is_some());
}

/// The last use is recorded once a minute: a session used more often may end up to a minute early, never late.
pub async fn use_is_known_to_the_minute(host: &impl Harness) {
    let manager = host.manager().await;
    let start = host.clock().now();
    let mut browser = new_session(&manager).await;
    for second in 1..=90 {
        host.clock().set(start + second * SECOND);
        browser.look(&manager).await.unwrap();
    }
    let active = browser.visit(&manager, ReadOnly, async |session| session.last_active().await).await.unwrap();
    assert!(
        (start + 30 * SECOND..=start + 90 * SECOND).contains(&active),
        "recorded {} ms after the start",
        active - start
    );
    host.clock().set(start + 30 * MINUTE + 29 * SECOND);
    assert!(browser.clone().visit(&manager, ReadOnly, async |session| session.id().await).await.unwrap().is_some());
    host.clock().set(start + 90 * SECOND + 30 * MINUTE);
    assert!(browser.look(&manager).await.is_none());
}

pub async fn timeouts_are_configured(host: &impl Harness) {
    let short = Configuration { idle_timeout: Some(Some(2 * MINUTE)), ..Configuration::default() };
    let never = Configuration { idle_timeout: Some(None), absolute_timeout: Some(None), ..Configuration::default() };
    let absolute =
        Configuration { idle_timeout: Some(None), absolute_timeout: Some(Some(HOUR)), ..Configuration::default() };
    for (configuration, after, alive) in [
        (&short, 2 * MINUTE - 1, true),
        (&short, 2 * MINUTE, false),
        (&never, 1000 * DAY, true),
        (&absolute, HOUR - 1, true),
        (&absolute, HOUR, false),
    ] {
        let start = host.clock().now();
        let manager = host.manager_with(configuration.clone()).await;
        let mut browser = new_session(&manager).await;
        host.clock().pass(after);
        assert_eq!(browser.look(&manager).await.is_some(), alive, "{configuration:?} after {after}");
        host.clock().set(start);
    }
}

pub async fn an_expired_sessions_cookie_gets_a_new_session(host: &impl Harness) {
    let manager = host.manager().await;
    let mut browser = new_session(&manager).await;
    let old = browser.look(&manager).await.unwrap();
    host.clock().pass(HOUR);
    let visits = browser.visit(&manager, Optimistic, async |session| session.increment("visits").await).await.unwrap();
    assert_eq!(visits, 1);
    assert_ne!(browser.look(&manager).await.unwrap(), old);
    assert!(Browser::new().look(&manager).await.is_none());
}
