//! Attributes with a lifetime.

use session_core::Error;
use session_core::attributes::Value;
use session_core::session::{Access, Session};

use crate::memory::Guard;
use crate::site::{Browser, MINUTE, START, Site, integer, log_in, set};

const ONE: Value = Value::Integer(1);

fn with_code(site: &Site) -> Browser {
    let mut browser = site.visitor();
    site.visit(&mut browser, |session| {
        session.set_with_ttl("code", ONE, MINUTE, site.now()).expect("set_with_ttl");
        assert_eq!(session.attribute_expires("code"), Some(START + MINUTE));
        assert_eq!(session.attribute_expires("a"), None);
    });
    browser
}

#[test]
fn an_attribute_exists_until_it_expires() {
    let site = Site::new();
    let browser = with_code(&site);
    site.wait(MINUTE - 1);
    let mut session = site.start(&browser, Access::ReadOnly);
    assert_eq!((session.get("code").cloned(), session.attribute_expires("code")), (Some(ONE), Some(START + MINUTE)));
    site.wait(1);
    let mut session = site.start(&browser, Access::ReadOnly);
    assert_eq!((session.get("code").cloned(), session.attribute_expires("code"), session.len()), (None, None, 1));
}

#[test]
fn each_has_a_time_of_its_own() {
    let site = Site::new();
    let mut browser = with_code(&site);
    site.visit(&mut browser, |session| {
        session.set_with_ttl("later", ONE, 2 * MINUTE, site.now()).expect("set_with_ttl")
    });
    site.wait(MINUTE);
    let mut session = site.start(&browser, Access::ReadOnly);
    assert_eq!((session.get("code").cloned(), session.get("later").cloned()), (None, Some(ONE)));
    assert_eq!(session.attribute_expires("later"), Some(START + 2 * MINUTE));
}

#[test]
fn an_expired_attribute_is_not_stored_again() {
    let site = Site::new();
    let mut browser = with_code(&site);
    site.wait(MINUTE);
    site.visit(&mut browser, |session| set(session, "a", 2));
    site.store.inner().now -= MINUTE;
    assert_eq!(site.see(&browser, "code"), None);
}

#[test]
fn setting_it_again_changes_its_lifetime() {
    let site = Site::new();
    let mut browser = with_code(&site);
    site.visit(&mut browser, |session| {
        session.increment("code", 1).expect("increment");
        assert_eq!(session.attribute_expires("code"), Some(START + MINUTE), "adding to it leaves its time");
    });
    site.wait(1000);
    site.visit(&mut browser, |session| {
        session.set_with_ttl("code", Value::Integer(2), MINUTE, site.now()).expect("set")
    });
    assert_eq!(site.start(&browser, Access::ReadOnly).attribute_expires("code"), Some(START + MINUTE + 1000));
    site.visit(&mut browser, |session| set(session, "code", 2));
    assert_eq!(site.start(&browser, Access::ReadOnly).attribute_expires("code"), None, "the same value, for ever");
    site.visit(&mut browser, |session| {
        session.remove("code").expect("remove");
        assert_eq!(session.attribute_expires("code"), None);
    });
    site.visit(&mut browser, |session| {
        session.set_with_ttl("code", ONE, MINUTE, site.now()).expect("set_with_ttl");
        session.clear().expect("clear");
        assert_eq!((session.get("code").cloned(), session.attribute_expires("code")), (None, None));
    });
}

#[test]
fn a_removed_attribute_has_no_lifetime() {
    let site = Site::new();
    let mut browser = with_code(&site);
    site.visit(&mut browser, |session| log_in(session, "ann"));
    let ways: [fn(&mut Session<Guard>); 4] = [
        |session| drop(session.remove("code").expect("remove")),
        |session| session.clear().expect("clear"),
        |session| log_in(session, "bob"),
        |session| session.set_user(None).expect("set_user"),
    ];
    for take_away in ways {
        let mut session = site.start(&browser, Access::Optimistic);
        assert_eq!(session.attribute_expires("code"), Some(START + MINUTE));
        take_away(&mut session);
        assert_eq!((session.get("code").cloned(), session.attribute_expires("code")), (None, None));
    }
}

/// To a request that began before, it is present to the end; increments concurrent with its expiry do not conflict.
#[test]
fn it_does_not_expire_during_a_request() {
    let site = Site::new();
    let mut browser = with_code(&site);
    let mut session = site.start(&browser, Access::Optimistic);
    assert_eq!(integer(&mut session, "code"), 1);
    session.set("code", Value::Integer(5)).expect("set");
    site.visit(&mut browser, |session| set(session, "other", 1));
    site.wait(MINUTE);
    site.finish(&mut browser, session);
    assert_eq!(site.see(&browser, "code"), Some(Value::Integer(5)));
}

#[test]
fn a_zero_lifetime_is_refused() {
    let site = Site::new();
    let mut session = site.start(&Browser::default(), Access::Optimistic);
    assert!(matches!(session.set_with_ttl("code", ONE, 0, START), Err(Error::InvalidArgument(_))));
    assert_eq!(session.set_with_ttl("code", ONE, u64::MAX, START), Ok(()));
}

/// A request that began before the expiry stores it once more. To one that began after it is gone all the same: its
/// changes merge, and its increments do not add to the expired value.
#[test]
fn a_merge_restores_nothing() {
    let site = Site::new();
    let mut browser = with_code(&site);
    site.wait(MINUTE - 1);
    let mut other = site.start(&browser, Access::Optimistic);
    set(&mut other, "b", 1);
    site.wait(1);
    let mut session = site.start(&browser, Access::Optimistic);
    assert_eq!(session.increment("code", 5), Ok(5));
    set(&mut session, "a", 2);
    site.finish(&mut browser, other);
    site.finish(&mut browser, session);
    let mut session = site.start(&browser, Access::ReadOnly);
    assert_eq!(session.attribute_expires("code"), None);
    assert_eq!(["a", "b", "code"].map(|name| integer(&mut session, name)), [2, 1, 5]);
}

/// Stepping the clock back does not restore an attribute that a merge has dropped.
#[test]
fn an_attribute_expired_before_a_merge_is_not_stored_again() {
    let site = Site::new();
    let mut browser = with_code(&site);
    site.wait(MINUTE - 1);
    let mut other = site.start(&browser, Access::Optimistic);
    set(&mut other, "b", 1);
    site.wait(1);
    let mut session = site.start(&browser, Access::Optimistic);
    set(&mut session, "a", 2);
    site.finish(&mut browser, other);
    site.finish(&mut browser, session);
    site.store.inner().now -= MINUTE;
    assert_eq!(site.start(&browser, Access::ReadOnly).names(), ["a", "b"]);
}
