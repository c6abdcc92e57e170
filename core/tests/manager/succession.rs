//! Periodic new ids, and what old ones resolve to.

use session_core::Error;
use session_core::configuration::Configuration;
use session_core::events::Event;
use session_core::session::Access;

use crate::site::{Browser, HOUR, MINUTE, Site, increment, integer, log_in, set};

const WINDOW: u64 = 10_000;

fn site() -> Site {
    Site::with(Configuration { grace_window: WINDOW, ..Configuration::default() })
}

fn renewing() -> Site {
    let renewal_interval = Some(15 * MINUTE);
    Site::with(Configuration { renewal_interval, grace_window: WINDOW, ..Configuration::default() })
}

#[test]
fn a_late_request_finds_the_session_as_it_was_and_changes_nothing() {
    let site = site();
    let mut browser = site.visitor();
    let late = browser.clone();
    site.visit(&mut browser, |session| {
        log_in(session, "ann");
        set(session, "a", 2);
    });
    site.events();
    site.wait(WINDOW - 1000);
    let mut session = site.start(&late, Access::Optimistic);
    assert_eq!(integer(&mut session, "a"), 1);
    assert_eq!(session.user(), None, "who planted the old cookie sees nothing of the login");
    assert!(matches!(session.set("a", session_core::attributes::Value::Null), Err(Error::AccessDenied(_))));
    assert!(site.finish(&mut late.clone(), session).is_empty());
    assert_eq!(site.events(), []);
}

#[test]
fn after_the_window_use_of_a_dead_id_is_reported() {
    let site = site();
    let mut browser = site.visitor();
    let stolen = browser.clone();
    site.visit(&mut browser, |session| session.regenerate().expect("regenerate"));
    site.events();
    for (wait, event) in [
        (WINDOW, Event::DeadIdUsed),
        (1000, Event::DeadIdUsed),
        (30 * MINUTE - 2000, Event::DeadIdUsed),
        (1000, Event::UnknownId),
    ] {
        site.wait(wait);
        assert!(site.id(&stolen).is_none());
        assert_eq!(site.events(), [event], "after {wait}");
    }
}

#[test]
fn without_timeouts_the_use_of_a_dead_id_is_told_for_half_an_hour() {
    let site = Site::with(Configuration { idle_timeout: None, ..Configuration::default() });
    let mut browser = site.visitor();
    let stolen = browser.clone();
    site.visit(&mut browser, |session| session.regenerate().expect("regenerate"));
    site.events();
    for (wait, event) in [
        // Without a window, requests may be under way for a minute.
        (MINUTE - 1, Event::UnknownId),
        (1, Event::DeadIdUsed),
        (30 * MINUTE - 1, Event::DeadIdUsed),
        (1, Event::UnknownId),
    ] {
        site.wait(wait);
        assert!(site.id(&stolen).is_none());
        assert_eq!(site.events(), [event], "after {wait}");
    }
}

#[test]
fn an_old_cookie_that_was_good_to_the_end_is_no_alarm_after_it() {
    let site = renewing();
    let mut browser = site.visitor();
    let lost = browser.clone();
    site.wait(15 * MINUTE);
    site.visit(&mut browser, |_| {});
    site.visit(&mut browser, |session| session.expire().expect("expire"));
    site.wait(2 * WINDOW);
    site.events();
    assert!(site.id(&lost).is_none());
    assert_eq!(site.events(), [Event::UnknownId], "renewed because it was time, then ended");

    let mut browser = site.visitor();
    let late = browser.clone();
    site.visit(&mut browser, |session| log_in(session, "ann"));
    site.visit(&mut browser, |session| session.expire().expect("expire"));
    site.events();
    assert!(site.id(&late).is_none());
    assert_eq!(site.events(), [Event::UnknownId], "ended while the request was under way");
}

#[test]
fn a_clock_stepped_back_opens_no_window() {
    let site = site();
    site.wait(HOUR);
    let mut browser = site.visitor();
    let stolen = browser.clone();
    site.visit(&mut browser, |session| session.regenerate().expect("regenerate"));
    site.store.inner().now -= 1000;
    assert!(site.id(&stolen).is_none());
}

#[test]
fn without_a_window_an_old_id_is_dead_at_once() {
    let site = Site::new();
    let mut browser = site.visitor();
    let old = browser.clone();
    site.visit(&mut browser, |session| session.regenerate().expect("regenerate"));
    site.events();
    assert!(site.id(&old).is_none());
    assert_eq!(site.events(), [Event::UnknownId]);
    site.store.only();
}

#[test]
fn the_window_closes_with_the_session() {
    let site = site();
    let mut browser = site.visitor();
    let late = browser.clone();
    site.visit(&mut browser, |session| session.regenerate().expect("regenerate"));
    site.visit(&mut browser, |session| session.regenerate().expect("regenerate"));
    assert!(site.id(&late).is_some(), "its session has got another id since");
    site.visit(&mut browser, |session| session.expire().expect("expire"));
    assert!(site.id(&late).is_none());
}

#[test]
fn a_wrong_secret_of_an_old_id_finds_nothing() {
    let site = site();
    let mut browser = site.visitor();
    let (id, _) = browser
        .cookie
        .clone()
        .expect("a cookie")
        .split_once('.')
        .map(|(a, b)| (a.to_string(), b.to_string()))
        .expect("two");
    site.visit(&mut browser, |session| session.regenerate().expect("regenerate"));
    site.events();
    assert!(site.id(&Browser::with(format!("{id}.{}", "0".repeat(32)))).is_none());
    assert_eq!(site.events(), [Event::UnknownId]);
    let kept = site.store.inner().records.keys().find(|id| id.as_str().starts_with("old-")).cloned().expect("kept");
    let secret = browser.cookie.expect("a cookie").split_once('.').expect("two").1.to_string();
    assert!(site.id(&Browser::with(format!("{kept}.{secret}"))).is_none(), "what is kept is no session by itself");
}

#[test]
fn a_forwarding_record_has_no_owner() {
    let site = site();
    let mut browser = Browser::default();
    site.visit(&mut browser, |session| log_in(session, "ann"));
    site.visit(&mut browser, |session| session.mark_authenticated().expect("authenticate"));
    assert_eq!(site.manager.sessions_of("ann").expect("devices").len(), 1);
    assert_eq!(site.manager.end_sessions_of("ann"), Ok(1));
}

#[test]
fn a_session_in_use_is_renewed_periodically() {
    let site = renewing();
    let mut browser = site.visitor();
    let first = site.id(&browser);
    site.wait(15 * MINUTE - 1000);
    site.visit(&mut browser, |_| ());
    assert_eq!(site.id(&browser), first, "one second before");
    site.wait(2000);
    site.start(&browser, Access::ReadOnly);
    assert_eq!(site.id(&browser), first, "polling changes nothing");
    site.events();
    site.visit(&mut browser, |_| ());
    let second = site.id(&browser);
    assert_ne!(second, first);
    assert!(matches!(site.events()[..], [Event::Renewed(_)]));
    site.wait(15 * MINUTE - 1000);
    site.visit(&mut browser, |session| increment(session, "a"));
    assert_eq!(site.id(&browser), second, "counted from the last new id");
    site.wait(1000);
    site.visit(&mut browser, |session| increment(session, "a"));
    assert_ne!(site.id(&browser), second);
    assert_eq!(site.see(&browser, "a"), Some(session_core::attributes::Value::Integer(3)));
}

/// Two concurrent page views: one renews the id, and the other must not fail because of it.
#[test]
fn of_two_concurrent_requests_one_renews_and_both_succeed() {
    let site = renewing();
    let mut browser = site.visitor();
    site.wait(20 * MINUTE);
    let (one, other) = (site.start(&browser, Access::Optimistic), site.start(&browser, Access::Optimistic));
    assert!(!site.finish(&mut browser, one).is_empty());
    assert!(site.finish(&mut browser, other).is_empty());
    assert_eq!(site.see(&browser, "a"), Some(session_core::attributes::Value::Integer(1)));
}

#[test]
fn a_clock_that_was_far_ahead_does_not_stop_renewal() {
    let site = renewing();
    site.store.inner().now += 10 * HOUR;
    let mut browser = site.visitor();
    site.visit(&mut browser, |session| session.regenerate().expect("regenerate"));
    site.store.inner().now -= HOUR;
    let before = site.id(&browser);
    site.visit(&mut browser, |_| ());
    assert_ne!(site.id(&browser), before);
}

/// A renewal fails halfway, and later succeeds: its forwarding record is replaced.
#[test]
fn a_failed_renewal_does_not_affect_the_next() {
    let site = site();
    let mut browser = site.visitor();
    site.store.fail("guard.rename", Error::NoSpace("full".into()));
    let mut session = site.start(&browser, Access::Optimistic);
    session.regenerate().expect("regenerate");
    assert!(site.try_finish(&mut browser, session).is_err());
    let late = browser.clone();
    assert!(site.id(&late).is_some(), "it is as it was");
    site.visit(&mut browser, |session| session.regenerate().expect("regenerate"));
    assert!(site.id(&late).is_some() && site.id(&browser).is_some());
    site.wait(WINDOW);
    assert!(site.id(&late).is_none() && site.id(&browser).is_some());
}

#[test]
fn a_failing_store_is_not_no_session() {
    let site = site();
    let mut browser = site.visitor();
    let late = browser.clone();
    site.visit(&mut browser, |session| session.regenerate().expect("regenerate"));
    site.store.pass("load");
    site.store.fail("load", Error::Io("broken".into()));
    assert_eq!(site.try_start(&late, Access::Optimistic).err(), Some(Error::Io("broken".into())));
    site.store.pass("load");
    site.store.fail("load", Error::Corrupt("put aside".into()));
    assert!(site.id(&late).is_none());
}

/// A forwarding record has an id in the store, like a session. A cookie with that id opens nothing, whatever its
/// secret, and is not reported: it is not a session's cookie.
#[test]
fn a_forwarding_record_is_not_a_session() {
    for site in [site(), Site::new(), renewing()] {
        let mut browser = site.visitor();
        let old = browser.cookie.clone().expect("a cookie");
        site.visit(&mut browser, |session| session.regenerate().expect("regenerate"));
        let new = browser.cookie.clone().expect("a cookie");
        let kept = site.store.inner().records.keys().find(|id| id.as_str().starts_with("old-")).cloned();
        let kept = kept.expect("what is kept");
        for cookie in [&old, &new] {
            let (_, secret) = cookie.split_once('.').expect("two parts");
            let mut stranger = Browser::with(format!("{kept}.{secret}"));
            site.events();
            let mut session = site.start(&stranger, Access::Optimistic);
            assert_eq!((site.events(), session.id()), (vec![Event::UnknownId], None));
            assert!(session.is_empty());
            set(&mut session, "b", 1);
            site.finish(&mut stranger, session);
            assert!(site.id(&stranger).is_some_and(|id| id != kept));
            assert_eq!(site.see(&browser, "b"), None);
        }
    }
}
