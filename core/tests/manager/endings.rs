//! Every end of a session reaches it under whatever id it has, with whatever cookie it had.

use session_core::configuration::Configuration;
use session_core::events::Event;
use session_core::session::{Access, Session};

use crate::memory::Guard;
use crate::site::{Browser, MINUTE, Site, log_in, set};

const WINDOW: u64 = 10_000;

type Work = fn(&mut Session<Guard>);

/// The ways a session gets a new id.
const RENEWALS: [(&str, Work); 3] = [
    ("authenticate", |session| session.mark_authenticated().expect("authenticate")),
    ("regenerate", |session| session.regenerate().expect("regenerate")),
    ("due", |_| ()),
];

fn sites() -> impl Iterator<Item = Site> {
    [0, WINDOW].into_iter().map(|grace_window| {
        let renewal_interval = Some(15 * MINUTE);
        Site::with(Configuration { renewal_interval, grace_window, ..Configuration::default() })
    })
}

/// A user due for a new id, with an attribute so that the session outlives the login.
fn ann(site: &Site) -> Browser {
    let mut browser = Browser::default();
    site.visit(&mut browser, |session| log_in(session, "ann"));
    site.wait(15 * MINUTE);
    browser
}

#[track_caller]
fn assert_no_session(site: &Site, browser: &Browser) {
    for access in [Access::ReadOnly, Access::Optimistic, Access::Exclusive] {
        let mut session = site.start(browser, access);
        assert_eq!(session.user(), None);
        assert_eq!(session.authenticated(), None);
        assert!(!session.authenticated_within(60 * 24, site.now()));
    }
}

#[test]
fn no_old_cookie_is_a_way_back() {
    type End = fn(&Site, &mut Browser);
    let ends: [(&str, End); 5] = [
        ("logout", |site, browser| drop(site.visit(browser, |session| session.expire().expect("expire")))),
        ("logout by user", |site, browser| {
            site.visit(browser, |session| {
                session.set_user(None).expect("set_user");
                set(session, "theme", 1);
            });
        }),
        ("end", |site, browser| {
            let id = site.id(browser).expect("a session");
            assert_eq!(site.manager.end_session(&id), Ok(true));
        }),
        ("all", |site, _| assert_eq!(site.manager.end_sessions_of("ann"), Ok(1))),
        ("others", |site, _| {
            let mut here = Browser::default();
            site.visit(&mut here, |session| log_in(session, "ann"));
            let keep = site.id(&here).expect("a session");
            assert_eq!(site.manager.end_other_sessions_of("ann", &keep), Ok(1));
        }),
    ];
    for (renewal, renew) in RENEWALS {
        for (end, work) in ends {
            for site in sites() {
                let mut browser = ann(&site);
                let old = browser.clone();
                site.visit(&mut browser, renew);
                let newest = browser.clone();
                work(&site, &mut browser);
                println!("{renewal}, {end}");
                assert_no_session(&site, &old);
                assert_no_session(&site, &newest);
            }
        }
    }
}

#[test]
fn a_logout_concurrent_with_a_renewal_ends_the_session() {
    for (renewal, renew) in RENEWALS {
        for site in sites() {
            let mut browser = ann(&site);
            let mut old = browser.clone();
            let mut leaving = site.start(&old, Access::Optimistic);
            site.visit(&mut browser, renew);
            site.events();
            leaving.expire().expect("expire");
            assert!(!site.finish(&mut old, leaving).is_empty(), "{renewal}");
            assert_no_session(&site, &browser);
            assert!(site.store.is_empty());
            assert!(site.events().contains(&Event::Logout));
        }
    }
}

/// The request was sent before the browser got its new cookie.
#[test]
fn a_late_request_can_log_out() {
    for (renewal, renew) in RENEWALS.into_iter().chain([("login", (|session| log_in(session, "bob")) as Work)]) {
        for site in sites() {
            let mut browser = ann(&site);
            let mut old = browser.clone();
            site.visit(&mut browser, renew);
            site.wait(1000);
            let mut leaving = site.start(&old, Access::Optimistic);
            leaving.expire().expect("expire");
            let fields = site.finish(&mut old, leaving);
            assert!(fields[0].1.contains("Max-Age=0"), "{renewal}");
            assert_no_session(&site, &browser);
            assert!(site.store.is_empty());
        }
    }
}

/// Anonymous visitors produce no logout events.
#[test]
fn a_logout_event_is_only_reported_for_a_user() {
    for (is_ann, told) in [(true, 1), (false, 0)] {
        for site in sites() {
            let mut browser = Browser::default();
            site.visit(&mut browser, |session| if is_ann { log_in(session, "ann") } else { set(session, "cart", 1) });
            let mut old = browser.clone();
            site.visit(&mut browser, |session| session.regenerate().expect("regenerate"));
            site.events();
            let mut leaving = site.start(&old, Access::Optimistic);
            leaving.expire().expect("expire");
            site.finish(&mut old, leaving);
            assert!(site.store.is_empty());
            assert_eq!(site.events().into_iter().filter(|event| *event == Event::Logout).count(), told);
        }
    }
}

#[test]
fn polling_ends_nothing() {
    for site in sites() {
        let mut browser = ann(&site);
        let old = browser.clone();
        site.visit(&mut browser, |session| session.regenerate().expect("regenerate"));
        assert!(site.start(&old, Access::ReadOnly).expire().is_err());
        assert_eq!(site.start(&browser, Access::ReadOnly).user(), Some("ann"));
    }
}

#[test]
fn a_session_can_be_ended_by_a_recent_id() {
    for (renewal, renew) in RENEWALS {
        for site in sites() {
            let mut browser = ann(&site);
            let id = site.id(&browser).expect("a session");
            site.visit(&mut browser, renew);
            site.visit(&mut browser, |session| session.regenerate().expect("regenerate"));
            // An inspection finds it first.
            let inspected = site.manager.inspect_session(&id, site.now()).expect("inspect").expect("a session");
            assert_eq!(inspected.id(), site.id(&browser).as_ref());
            assert_eq!(site.manager.end_session(&id), Ok(true), "{renewal}");
            assert!(site.manager.inspect_session(&id, site.now()).expect("inspect").is_none());
            assert_no_session(&site, &browser);
            assert_eq!(site.manager.end_session(&id), Ok(false));
        }
    }
}

/// The end waits for the lock of a request that gives the session another id.
#[test]
fn an_end_that_waits_for_a_renewal_follows_it() {
    let site = Site::new();
    let browser = ann(&site);
    let id = site.id(&browser).expect("a session");
    let (manager, fields, now) = (site.manager.clone(), browser.fields(), site.now());
    site.store.before("lock", move || {
        let client = session_core::client::Client::default();
        let mut session = manager.start_request(&fields, client, Access::Optimistic, now).expect("start");
        session.regenerate().expect("regenerate");
        manager.finish_successful_request(session, now, &mut || [9; 16]).expect("finish");
    });
    assert_eq!(site.manager.end_session(&id), Ok(true));
    assert!(site.store.is_empty());
}

#[test]
fn the_session_that_ends_all_others_is_kept_under_its_new_id() {
    for (renewal, renew) in RENEWALS {
        for site in sites() {
            let mut browser = ann(&site);
            let old = browser.clone();
            let id = site.id(&browser).expect("a session");
            let mut elsewhere = Browser::default();
            site.visit(&mut elsewhere, |session| log_in(session, "ann"));
            site.visit(&mut browser, renew);
            let late = site.start(&old, Access::Optimistic).id().cloned();
            for keep in [Some(id), late].into_iter().flatten() {
                site.manager.end_other_sessions_of("ann", &keep).expect("end");
                assert_eq!(site.start(&browser, Access::ReadOnly).user(), Some("ann"), "{renewal}");
            }
            assert_no_session(&site, &elsewhere);
        }
    }
}

#[test]
fn a_late_request_sees_the_current_id() {
    let site = Site::with(Configuration { grace_window: WINDOW, ..Configuration::default() });
    let mut browser = Browser::default();
    site.visit(&mut browser, |session| log_in(session, "ann"));
    let old = browser.clone();
    site.visit(&mut browser, |session| session.regenerate().expect("regenerate"));
    assert_eq!(site.id(&old), site.id(&browser));
}
