//! Values that are read once, by a later request.

use session_core::Error;
use session_core::session::Access;

use crate::site::{Browser, Site, log_in, set, text};

#[test]
fn a_flash_value_is_read_once_by_a_later_request() {
    let site = Site::new();
    let mut browser = Browser::default();
    site.visit(&mut browser, |session| {
        session.set_flash("notice", text("saved")).expect("set_flash");
        assert_eq!(session.take_flash("notice"), None, "not in the request that leaves it");
        assert_eq!((session.get("notice").cloned(), session.len()), (None, 0), "it is no attribute");
        assert!(session.has_info());
    });
    assert!(browser.cookie.is_some(), "it is something to keep");
    let mut looking = site.start(&browser, Access::ReadOnly);
    assert_eq!(looking.take_flash("notice"), None, "a read-only request leaves it");
    let failing = {
        let mut session = site.start(&browser, Access::Optimistic);
        assert_eq!(session.take_flash("notice"), Some(text("saved")));
        session
    };
    site.manager.finish_failed_request(failing);
    site.visit(&mut browser, |session| {
        set(session, "a", 1);
        session.clear().expect("clear");
        set(session, "a", 1);
        assert_eq!(session.take_flash("notice"), Some(text("saved")), "a failed request has not taken it");
        assert_eq!(session.take_flash("notice"), None, "once");
    });
    site.visit(&mut browser, |session| assert_eq!(session.take_flash("notice"), None));
}

#[test]
fn an_unread_flash_value_keeps_the_session() {
    let site = Site::new();
    let mut browser = Browser::default();
    site.visit(&mut browser, |session| session.set_flash("notice", text("saved")).expect("set_flash"));
    assert!(site.start(&browser, Access::ReadOnly).has_info());
    site.visit(&mut browser, |session| log_in(session, "ann"));
    let mut session = site.start(&browser, Access::Optimistic);
    session.set_flash("notice", text("hello ann")).expect("set_flash");
    site.finish(&mut browser, session);
    let mut leaving = site.start(&browser, Access::Optimistic);
    leaving.set_user(None).expect("set_user");
    assert!(!leaving.has_info());
    site.finish(&mut browser, leaving);
    assert!(site.store.is_empty());
}

#[test]
fn taking_the_last_value_ends_the_session() {
    let site = Site::new();
    let mut browser = Browser::default();
    site.visit(&mut browser, |session| session.set_flash("notice", text("bye")).expect("set_flash"));
    site.visit(&mut browser, |session| assert_eq!(session.take_flash("notice"), Some(text("bye"))));
    assert!(browser.cookie.is_none() && site.store.is_empty());
}

#[test]
fn two_concurrent_takes_both_succeed() {
    let site = Site::new();
    let mut browser = site.visitor();
    site.visit(&mut browser, |session| session.set_flash("notice", text("x")).expect("set_flash"));
    let mut both = [site.start(&browser, Access::Optimistic), site.start(&browser, Access::Optimistic)];
    for session in &mut both {
        assert_eq!(session.take_flash("notice"), Some(text("x")));
    }
    for session in both {
        site.finish(&mut browser, session);
    }
    site.visit(&mut browser, |session| assert_eq!(session.take_flash("notice"), None));
}

#[test]
fn names_and_values_are_checked() {
    let site = Site::new();
    let mut session = site.start(&Browser::default(), Access::Optimistic);
    for wrong in ["", &"x".repeat(257)] {
        assert!(matches!(session.set_flash(wrong, text("x")), Err(Error::InvalidArgument(_))));
    }
    let json = session_core::attributes::Value::Json("{".into());
    assert!(matches!(session.set_flash("a", json), Err(Error::InvalidArgument(_))));
    let mut looking = site.start(&Browser::default(), Access::ReadOnly);
    assert!(matches!(looking.set_flash("a", text("x")), Err(Error::AccessDenied(_))));
}
