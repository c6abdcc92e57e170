//! Several cookies of one name: left by another path or domain, by another application, or planted.

use session_core::configuration::Configuration;
use session_core::cookie::{HeaderField, Policy};
use session_core::events::Event;
use session_core::session::{Access, Session};

use crate::memory::Guard;
use crate::site::{Browser, Site, log_in, set};

const DEAD: &str = "0123456789abcdef0123456789abcdef.00112233445566778899aabbccddeeff";
const FOREIGN: &str = "eyJfcGVybWFuZW50Ijp0cnVlfQ.aBcDeF.signature";

fn start(site: &Site, values: &[&str], access: Access) -> Session<Guard> {
    let fields: Vec<String> = values.iter().map(|value| format!("__Host-session={value}")).collect();
    let client = session_core::client::Client::default();
    site.manager.start_request(&[fields.join("; ")], client, access, site.now()).expect("start")
}

fn finish(site: &Site, session: Session<Guard>) -> Vec<HeaderField> {
    site.manager.finish_successful_request(session, site.now(), &mut || site.random()).expect("finish")
}

fn ann(site: &Site) -> String {
    let mut browser = Browser::default();
    site.visit(&mut browser, |session| log_in(session, "ann"));
    browser.cookie.expect("a cookie")
}

#[test]
fn the_cookie_that_opens_a_session_counts_in_any_position() {
    let site = Site::new();
    let ours = ann(&site);
    site.events();
    for values in [
        vec![DEAD, &ours],
        vec![&ours, DEAD],
        vec![FOREIGN, &ours],
        vec![&ours, FOREIGN, DEAD],
        vec!["", &ours, ""],
        vec![FOREIGN, "", "x", "y", "z", &ours],
    ] {
        for access in [Access::ReadOnly, Access::Optimistic, Access::Exclusive] {
            assert_eq!(start(&site, &values, access).user(), Some("ann"), "{values:?}");
        }
    }
    assert_eq!(site.events(), [], "what a browser keeps for ever is not told for ever");
    let others: Vec<String> = (0..4).map(|n| DEAD.replacen('0', &n.to_string(), 1)).collect();
    let values: Vec<&str> = others.iter().map(String::as_str).chain([ours.as_str()]).collect();
    assert_eq!(start(&site, &values, Access::ReadOnly).user(), None, "four are tried");
    assert_eq!(site.events(), vec![Event::UnknownId; 4]);
}

/// A regression: each login attempt left a session behind that was never found.
#[test]
fn a_login_beside_a_stale_cookie_works() {
    let site = Site::new();
    let mut jar = ann(&site);
    for user in ["bob", "carol", "dave"] {
        let mut session = start(&site, &[DEAD, &jar], Access::Optimistic);
        log_in(&mut session, user);
        let mut browser = Browser::with(jar);
        browser.receive(&finish(&site, session).split_off(1));
        jar = browser.cookie.expect("a cookie");
        assert_eq!(start(&site, &[DEAD, &jar], Access::Optimistic).user(), Some(user));
    }
    site.store.only();
}

#[test]
fn two_that_open_different_sessions_open_none_and_a_logout_ends_both() {
    for first in [true, false] {
        let site = Site::new();
        let (ours, planted) = (ann(&site), ann(&site));
        let values = if first { [&*ours, &*planted] } else { [&*planted, &*ours] };
        for access in [Access::ReadOnly, Access::Optimistic, Access::Exclusive] {
            let mut session = start(&site, &values, access);
            assert_eq!(session.user(), None);
            assert_eq!(session.id(), None);
        }
        assert!(finish(&site, start(&site, &values, Access::Optimistic)).is_empty());
        assert_eq!(site.store.sessions().len(), 2);
        assert!(start(&site, &values, Access::ReadOnly).expire().is_err());

        let mut session = start(&site, &values, Access::Optimistic);
        session.expire().expect("expire");
        assert!(finish(&site, session).iter().any(|(_, value)| value.contains("Max-Age=0")));
        assert!(site.store.is_empty());
    }
}

#[test]
fn a_login_ends_two_that_open_different_sessions() {
    let site = Site::new();
    let (ours, planted) = (ann(&site), ann(&site));
    let mut session = start(&site, &[&ours, &planted], Access::Optimistic);
    log_in(&mut session, "ann");
    let fields = finish(&site, session);
    let mut browser = Browser::default();
    browser.receive(&fields);
    let new = browser.cookie.expect("a cookie");
    assert_eq!(start(&site, &[&new, &planted], Access::Optimistic).user(), Some("ann"));
    site.store.only();
}

/// An old cookie that is still valid, beside the new one of the same session.
#[test]
fn two_cookies_of_one_session_are_one() {
    let renewal_interval = Some(60_000);
    let site = Site::with(Configuration { renewal_interval, ..Configuration::default() });
    let old = ann(&site);
    site.wait(60_000);
    let mut browser = Browser::with(&*old);
    site.visit(&mut browser, |_| ());
    let new = browser.cookie.expect("a cookie");
    for values in [[&*old, &*new], [&*new, &*old]] {
        assert_eq!(start(&site, &values, Access::Optimistic).user(), Some("ann"));
    }
    finish(&site, start(&site, &[&old, &new], Access::Optimistic));
    assert_eq!(start(&site, &[&old], Access::ReadOnly).user(), None, "the new one was shown");
}

#[test]
fn cookies_of_an_earlier_configuration_are_deleted_first() {
    let host = Policy::default();
    let named = Policy { name: "sid".into(), ..Policy::default() };
    let domain = Some("example.com".to_string());
    for (policy, swept) in [
        (host.clone(), vec!["Path=/; Max-Age=0; HttpOnly; SameSite=Lax; Secure; Partitioned"]),
        (Policy { partitioned: true, ..host }, vec!["Path=/; Max-Age=0; HttpOnly; SameSite=Lax; Secure"]),
        (
            Policy { domain: domain.clone(), path: "/app".into(), ..named.clone() },
            vec![
                "Path=/app; Max-Age=0; HttpOnly; SameSite=Lax; Secure",
                "Path=/; Domain=example.com; Max-Age=0; HttpOnly; SameSite=Lax; Secure",
                "Path=/app; Domain=example.com; Max-Age=0; HttpOnly; SameSite=Lax; Secure; Partitioned",
            ],
        ),
        (Policy { secure: false, ..named }, vec![]),
    ] {
        let name = policy.name.clone();
        let site = Site::with(Configuration { cookie: policy, ..Configuration::default() });
        let set_cookies = |values: &[&str]| {
            let fields: Vec<String> = values.iter().map(|value| format!("{name}={value}")).collect();
            let client = session_core::client::Client::default();
            let session = site.manager.start_request(&fields, client, Access::Optimistic, site.now());
            let mut session = session.expect("start");
            set(&mut session, "a", 1);
            let mut fields = finish(&site, session);
            fields.retain(|(name, _)| name == "set-cookie");
            fields.into_iter().map(|(_, value)| value).collect::<Vec<_>>()
        };
        assert_eq!(set_cookies(&[DEAD]).len(), 1, "one cookie is what most browsers have");
        let sent = set_cookies(&[DEAD, FOREIGN]);
        let expected: Vec<String> = swept.iter().map(|attributes| format!("{name}=; {attributes}")).collect();
        let (ours, before) = sent.split_last().expect("at least ours");
        assert_eq!(before, expected);
        assert!(!ours.contains("Max-Age=0"), "ours comes last");
    }
}
