//! Periodic renewal: lost and late responses, and concurrent requests.

use session_core::Error;
use session_core::attributes::Value;
use session_core::configuration::Configuration;
use session_core::events::Event;
use session_core::session::Access;

use crate::site::{Browser, HOUR, MINUTE, Site, increment, integer, log_in, set};

const INTERVAL: u64 = 15 * MINUTE;
const WINDOW: u64 = 10_000;

fn renewing(grace_window: u64) -> Site {
    Site::with(Configuration { renewal_interval: Some(INTERVAL), grace_window, ..Configuration::default() })
}

/// A user whose session is due for a new id.
fn due(site: &Site) -> Browser {
    let mut browser = Browser::default();
    site.visit(&mut browser, |session| log_in(session, "ann"));
    site.wait(INTERVAL);
    site.events();
    browser
}

fn sees(site: &Site, browser: &Browser) -> Option<String> {
    site.start(browser, Access::ReadOnly).user().map(String::from)
}

#[test]
fn a_lost_response_logs_nobody_out() {
    for window in [0, WINDOW] {
        let site = renewing(window);
        let mut browser = due(&site);
        for round in 0..20 {
            let lost = &mut browser.clone();
            assert!(!site.visit(lost, |session| increment(session, "a")).is_empty(), "a new cookie");
            site.wait(INTERVAL);
            assert_eq!(sees(&site, &browser).as_deref(), Some("ann"), "window {window}, round {round}");
        }
        site.visit(&mut browser, |session| increment(session, "a"));
        assert_eq!(site.see(&browser, "a"), Some(Value::Integer(21)), "every request counted");
        assert!(site.events().iter().all(|event| matches!(event, Event::Renewed(_))), "nobody was suspected");
    }
}

/// Used only by page views, the old cookie lives as long as the session: it is touched once a minute, like the session.
#[test]
fn an_old_cookie_in_use_stays_valid() {
    let site = Site::with(Configuration { renewal_interval: Some(4 * HOUR), ..Configuration::default() });
    let mut browser = Browser::default();
    site.visit(&mut browser, |session| log_in(session, "ann"));
    for _ in 1..12 {
        site.wait(20 * MINUTE);
        site.visit(&mut browser, |_| ());
    }
    site.wait(20 * MINUTE);
    assert!(!site.visit(&mut browser.clone(), |_| ()).is_empty(), "the answer is lost");
    for round in 0..9 {
        site.wait(20 * MINUTE);
        site.store.calls();
        assert!(site.visit(&mut browser, |_| ()).is_empty());
        site.visit(&mut browser, |_| ());
        let touches = site.store.calls().into_iter().filter(|call| *call == "touch").count();
        assert_eq!((sees(&site, &browser).as_deref(), touches), (Some("ann"), 2), "round {round}: both, and once");
    }
}

#[test]
fn the_old_cookie_is_valid_until_the_new_one_is_presented() {
    for window in [0, WINDOW] {
        let site = renewing(window);
        let mut browser = due(&site);
        let old = browser.clone();
        site.visit(&mut browser, |_| ());
        site.wait(5 * MINUTE);
        site.visit(&mut old.clone(), |session| set(session, "b", 1));
        assert_eq!(site.see(&browser, "b"), Some(Value::Integer(1)));
        site.start(&browser, Access::ReadOnly);
        assert_eq!(sees(&site, &old).as_deref(), Some("ann"), "polling shows nothing");

        site.visit(&mut browser, |_| ());
        for (wait, good) in [(0, window > 0), (WINDOW - 1, window > 0), (1, false), (MINUTE, false)] {
            site.wait(wait);
            assert_eq!(sees(&site, &old).is_some(), good, "window {window}, {wait} more");
        }
        assert_eq!(site.events().last(), Some(&Event::DeadIdUsed));
        assert_eq!(sees(&site, &browser).as_deref(), Some("ann"));
    }
}

/// Two generations later the first cookie is dead, whatever became of the second.
#[test]
fn a_cookie_stays_dead_after_its_successor_was_presented() {
    let site = renewing(0);
    let mut browser = due(&site);
    let first = browser.clone();
    site.visit(&mut browser, |_| ());
    site.visit(&mut browser, |_| ());
    site.wait(INTERVAL);
    let second = browser.clone();
    site.visit(&mut browser, |_| ());
    assert_eq!(sees(&site, &second).as_deref(), Some("ann"));
    assert_eq!(sees(&site, &first), None);
}

#[test]
fn eight_concurrent_writes_are_stored_and_one_renews() {
    for window in [0, WINDOW] {
        for access in [Access::Optimistic, Access::Exclusive] {
            let site = renewing(window);
            let mut browser = due(&site);
            let old = browser.clone();
            let mut cookies = 0;
            let mut running: Vec<_> = if access == Access::Exclusive {
                Vec::new()
            } else {
                (0..8).map(|_| site.start(&old, access)).collect()
            };
            for number in 0..8 {
                let mut session = running.pop().unwrap_or_else(|| site.start(&old, access));
                set(&mut session, &format!("k{number}"), 1);
                cookies += usize::from(!site.finish(&mut browser, session).is_empty());
            }
            let mut session = site.start(&browser, Access::ReadOnly);
            assert_eq!((session.len(), cookies), (8, 1), "window {window}");
            assert_eq!(site.events().len(), 1, "one new id, and nobody is suspected");
        }
    }
}

/// An exclusive request waits for the renewing one, then has the session under its new id.
#[test]
fn an_exclusive_request_that_waited_follows_the_session() {
    let site = renewing(0);
    let browser = due(&site);
    let (other_site, other) = (site.manager.clone(), browser.clone());
    let now = site.now();
    site.store.before("lock", move || {
        let session = other_site
            .start_request(&other.fields(), session_core::client::Client::default(), Access::Optimistic, now)
            .expect("start");
        other_site.finish_successful_request(session, now, &mut || [7; 16]).expect("finish");
    });
    let mut session = site.start(&browser, Access::Exclusive);
    assert_eq!(session.user(), Some("ann"));
    increment(&mut session, "a");
    site.finish(&mut browser.clone(), session);
    assert_eq!(site.store.only().contents.owner.as_deref(), Some("ann"));
    assert!(site.store.inner().locked.is_empty());
}

/// In the middle of a renewal: the session has its new secret, not yet its new id.
#[test]
fn a_page_view_during_a_renewal_is_not_reported() {
    for window in [0, WINDOW] {
        let site = renewing(window);
        let mut browser = due(&site);
        let (manager, fields, now) = (site.manager.clone(), browser.fields(), site.now());
        site.store.before("guard.rename", move || {
            let client = session_core::client::Client::default();
            let mut session = manager.start_request(&fields, client, Access::Optimistic, now).expect("start");
            assert_eq!(session.user(), Some("ann"));
            assert_eq!(integer(&mut session, "a"), 0);
        });
        assert!(!site.visit(&mut browser, |_| ()).is_empty());
        assert!(matches!(site.events()[..], [Event::Renewed(_)]));
    }
}

/// In the middle of a login, by the owner of the old cookie, who sees none of it; no event is reported.
#[test]
fn a_page_view_during_a_login_is_not_reported() {
    for window in [0, WINDOW] {
        let site = renewing(window);
        let mut browser = site.visitor();
        site.events();
        let (manager, fields, now) = (site.manager.clone(), browser.fields(), site.now());
        site.store.before("guard.rename", move || {
            let client = session_core::client::Client::default();
            let mut session = manager.start_request(&fields, client, Access::Optimistic, now).expect("start");
            assert_eq!(session.user(), None);
        });
        site.visit(&mut browser, |session| log_in(session, "ann"));
        assert!(!site.events().contains(&Event::WrongSecret));
    }
}

#[test]
fn an_old_cookie_in_use_lives_as_long_as_its_session() {
    // The interval exceeds the idle timeout, so only use keeps the old cookie alive.
    let renewal_interval = Some(2 * HOUR);
    let site = Site::with(Configuration { renewal_interval, ..Configuration::default() });
    let mut browser = Browser::default();
    site.visit(&mut browser, |session| log_in(session, "ann"));
    for _ in 1..8 {
        site.wait(15 * MINUTE);
        site.visit(&mut browser, |_| ());
    }
    site.wait(15 * MINUTE);
    let mut renewed = browser.clone();
    assert!(!site.visit(&mut renewed, |_| ()).is_empty(), "the answer is lost");
    for views in [true, false] {
        for _ in 0..140 {
            site.wait(30_000);
            site.visit(&mut browser.clone(), |session| {
                if !views {
                    increment(session, "a")
                }
            });
        }
        assert_eq!(sees(&site, &browser).as_deref(), Some("ann"), "views: {views}");
    }
    site.wait(12 * HOUR);
    assert_eq!(sees(&site, &browser), None, "the absolute timeout is that of the session");
    site.visit(&mut browser, |session| set(session, "a", 1));
}

/// Also in the default configuration: a late response must not replace a login by an anonymous session.
#[test]
fn a_late_response_does_not_replace_the_cookie_of_a_login() {
    for window in [0, WINDOW] {
        let site = Site::with(Configuration { grace_window: window, ..Configuration::default() });
        let mut browser = site.visitor();
        let old = browser.clone();
        let in_flight = site.start(&old, Access::Optimistic);
        site.visit(&mut browser, |session| log_in(session, "ann"));
        site.events();

        let mut reader = old.clone();
        assert!(site.visit(&mut reader, |_| ()).is_empty());
        assert!(site.finish(&mut reader, in_flight).is_empty());
        assert_eq!(reader.cookie, old.cookie);
        let mut session = site.start(&old, Access::Optimistic);
        assert_eq!(session.user(), None);
        if window == 0 {
            set(&mut session, "tracking", 1);
            assert_eq!(site.try_finish(&mut reader, session), Err(Error::Gone));
        } else {
            assert!(matches!(session.set("tracking", Value::Null), Err(Error::AccessDenied(_))));
        }
        assert_eq!(site.store.only().contents.owner.as_deref(), Some("ann"), "nothing else was stored");
        assert!(!site.events().iter().any(|event| matches!(event, Event::DeadIdUsed | Event::WrongSecret)));

        site.wait(MINUTE);
        site.visit(&mut reader, |session| set(session, "a", 1));
        assert_ne!(reader.cookie, old.cookie, "a minute later nothing is under way any more");
    }
}

/// The login's response is lost, and the user retries at once.
#[test]
fn a_login_whose_response_was_lost_can_be_repeated() {
    for window in [0, WINDOW] {
        for access in [Access::Optimistic, Access::Exclusive] {
            let site = Site::with(Configuration { grace_window: window, ..Configuration::default() });
            let mut browser = site.visitor();
            site.visit(&mut browser.clone(), |session| log_in(session, "ann"));
            let mut session = site.start(&browser, access);
            log_in(&mut session, "ann");
            session.remember(true).expect("remember");
            set(&mut session, "b", 1);
            assert!(!site.finish(&mut browser, session).is_empty());
            assert_eq!(sees(&site, &browser).as_deref(), Some("ann"));
            assert_eq!(site.see(&browser, "b"), Some(Value::Integer(1)));
        }
    }
}

#[test]
fn a_request_in_flight_follows_a_regeneration_without_gaining_privilege() {
    let site = Site::new();
    let mut browser = Browser::default();
    site.visit(&mut browser, |session| log_in(session, "ann"));
    let old = browser.clone();
    let mut writer = site.start(&old, Access::Optimistic);
    let mut gainer = site.start(&old, Access::Optimistic);
    let mut renewer = site.start(&old, Access::Optimistic);
    site.visit(&mut browser, |session| session.mark_authenticated().expect("authenticate"));

    set(&mut writer, "b", 1);
    assert!(site.finish(&mut old.clone(), writer).is_empty());
    assert_eq!(site.see(&browser, "b"), Some(Value::Integer(1)));
    gainer.mark_authenticated().expect("authenticate");
    assert!(matches!(site.try_finish(&mut old.clone(), gainer), Err(Error::Conflict(_))));
    renewer.regenerate().expect("regenerate");
    assert!(site.finish(&mut old.clone(), renewer).is_empty(), "it has just got a new id");
    assert_eq!(sees(&site, &browser).as_deref(), Some("ann"), "and that is good");
}
