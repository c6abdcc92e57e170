//! Remember-me, and the age of an authentication.

use session_core::Error;
use session_core::configuration::Configuration;
use session_core::cookie::HeaderField;
use session_core::session::Access;

use crate::site::{Browser, HOUR, MINUTE, START, Site, log_in, set};

const DAY: u64 = 24 * HOUR;

fn remembered(site: &Site) -> (Browser, Vec<HeaderField>) {
    let mut browser = Browser::default();
    let fields = site.visit(&mut browser, |session| {
        log_in(session, "ann");
        session.remember(true).expect("remember");
        assert!(session.remembered());
    });
    (browser, fields)
}

#[test]
fn a_remembered_session_has_a_cookie_that_lasts_and_ends_after_thirty_days() {
    let site = Site::new();
    let (browser, fields) = remembered(&site);
    assert!(fields[0].1.contains("; Max-Age=2592000; HttpOnly"), "{}", fields[0].1);
    site.wait(30 * DAY - 1000);
    assert!(site.id(&browser).is_some(), "it has no idle timeout");
    site.wait(2000);
    assert!(site.id(&browser).is_none());
}

#[test]
fn remember_is_chosen_for_each_login() {
    let site = Site::new();
    let (mut browser, _) = remembered(&site);
    let fields = site.visit(&mut browser, |session| log_in(session, "bob"));
    assert!(!fields[0].1.contains("Max-Age"), "another user has not asked for it");
    assert_eq!(site.store.only().contents.deadline, Some(START + 12 * HOUR));

    let (mut browser, _) = remembered(&site);
    site.wait(MINUTE);
    let fields = site.visit(&mut browser, |session| {
        set(session, "a", 1);
        session.set_user(None).expect("set_user");
    });
    assert!(!fields[0].1.contains("Max-Age"), "logging out forgets it");
    let mut session = site.start(&browser, Access::ReadOnly);
    assert!(!session.remembered() && session.user().is_none());
}

#[test]
fn remember_can_be_set_and_reset_later() {
    let site = Site::new();
    let mut browser = site.visitor();
    site.visit(&mut browser, |session| log_in(session, "ann"));
    let before = site.id(&browser);
    let fields = site.visit(&mut browser, |session| session.remember(true).expect("remember"));
    assert!(fields[0].1.contains("; Max-Age="));
    assert_ne!(site.id(&browser), before, "a new cookie has a new secret");
    assert!(site.visit(&mut browser, |session| session.remember(true).expect("remember")).is_empty());
    let fields = site.visit(&mut browser, |session| session.remember(false).expect("remember"));
    assert!(!fields[0].1.contains("Max-Age"));
    assert_eq!(site.store.only().contents.idle_timeout, Some(30 * MINUTE));
}

#[test]
fn a_new_id_of_a_remembered_session_lasts_no_longer_than_the_old_one() {
    let site = Site::with(Configuration { remember_timeout: DAY, ..Configuration::default() });
    let (mut browser, _) = remembered(&site);
    site.wait(6 * HOUR);
    let fields = site.visit(&mut browser, |session| session.regenerate().expect("regenerate"));
    assert!(fields[0].1.contains("; Max-Age=64800;"), "{}", fields[0].1);
    site.wait(18 * HOUR);
    assert!(site.id(&browser).is_none());
}

#[test]
fn the_last_authentication_is_dated() {
    let site = Site::new();
    let mut browser = site.visitor();
    let at = |browser: &Browser| site.start(browser, Access::ReadOnly).authenticated();
    let within = |browser: &Browser| site.start(browser, Access::ReadOnly).authenticated_within(5, site.now());
    assert_eq!(at(&browser), None);
    assert!(!within(&browser));
    site.visit(&mut browser, |session| {
        log_in(session, "ann");
        assert!(session.authenticated_within(5, site.now()));
    });
    assert_eq!(at(&browser), Some(START));
    site.wait(5 * MINUTE - 1000);
    assert!(within(&browser));
    site.wait(2000);
    assert!(!within(&browser));
    let (before, secret) = (site.id(&browser), browser.cookie.clone());
    site.visit(&mut browser, |session| session.mark_authenticated().expect("authenticate"));
    assert!(within(&browser));
    assert!(site.id(&browser) != before && browser.cookie != secret, "it is a change of privilege");
    assert_eq!(site.store.only().contents.deadline, Some(site.now() + 12 * HOUR), "and resets the absolute timeout");
    site.visit(&mut browser, |session| session.set_user(None).expect("set_user"));
    assert_eq!(at(&browser), None);
}

/// The clock was ahead at login and is stepped back: that does not keep the login fresh for longer.
#[test]
fn a_clock_that_is_stepped_back_authenticates_nobody() {
    let site = Site::with(Configuration { idle_timeout: None, ..Configuration::default() });
    site.wait(HOUR);
    let mut browser = Browser::default();
    site.visit(&mut browser, |session| log_in(session, "ann"));
    site.store.inner().now -= HOUR;
    assert!(!site.start(&browser, Access::ReadOnly).authenticated_within(5, site.now()));
    site.store.inner().now += HOUR - 30_000;
    assert!(site.start(&browser, Access::ReadOnly).authenticated_within(5, site.now()), "a small step is none");
}

#[test]
fn authenticate_needs_a_user() {
    let site = Site::new();
    let mut browser = site.visitor();
    let mut session = site.start(&browser, Access::Optimistic);
    assert!(matches!(session.mark_authenticated(), Err(Error::InvalidArgument(_))));
    log_in(&mut session, "ann");
    session.mark_authenticated().expect("authenticate");
    session.set_user(None).expect("set_user");
    assert_eq!(session.authenticated(), None);
    site.finish(&mut browser, session);
    let mut looking = site.start(&browser, Access::ReadOnly);
    assert!(matches!(looking.remember(true), Err(Error::AccessDenied(_))));
}

/// Exact to the millisecond; zero minutes are never.
#[test]
fn an_authentication_is_fresh_for_exactly_its_minutes() {
    let site = Site::new();
    let mut browser = Browser::default();
    site.visit(&mut browser, |session| log_in(session, "ann"));
    let within = |minutes, at| {
        site.store.inner().now = at;
        site.start(&browser, Access::ReadOnly).authenticated_within(minutes, at)
    };
    for minutes in [1, 5, 29] {
        let end = START + u64::from(minutes) * MINUTE;
        assert_eq!([end - MINUTE, end - 1, end, end + 1].map(|at| within(minutes, at)), [true, true, false, false]);
    }
    assert!(!within(0, START));
    assert!(within(u32::MAX, START + 29 * MINUTE));
}

/// An authentication further in the future than clock slew is not trusted.
#[test]
fn an_authentication_at_most_a_minute_ahead_is_trusted() {
    let site = Site::with(Configuration { idle_timeout: None, ..Configuration::default() });
    site.wait(HOUR);
    let mut browser = Browser::default();
    site.visit(&mut browser, |session| log_in(session, "ann"));
    let ahead = |by| site.start(&browser, Access::ReadOnly).authenticated_within(5, site.now() - by);
    assert_eq!([0, MINUTE, MINUTE + 1, HOUR].map(ahead), [true, true, false, false]);
}
