//! What belongs to one user ends with that user.

use session_core::attributes::Value;
use session_core::session::Access;

use crate::site::{Browser, Site, increment, integer, log_in, set, text};

#[test]
fn a_form_token_is_valid_for_the_user_it_was_created_for() {
    for (before, after) in [(None, Some("alice")), (Some("alice"), Some("bob")), (Some("alice"), None)] {
        let site = Site::new();
        let mut browser = site.visitor();
        let mut token = String::new();
        site.visit(&mut browser, |session| session.set_user(before.map(String::from)).expect("set_user"));
        site.visit(&mut browser, |session| token = session.create_form_token(site.random()).expect("token"));
        assert!(site.start(&browser, Access::ReadOnly).has_form_token(&token));
        let (mut early, mut late) = (String::new(), String::new());
        site.visit(&mut browser, |session| {
            early = session.create_form_token(site.random()).expect("token");
            session.set_user(after.map(String::from)).expect("set_user");
            assert!(!session.has_form_token(&token) && !session.has_form_token(&early), "{before:?} to {after:?}");
            late = session.create_form_token(site.random()).expect("token");
            set(session, "b", 1);
        });
        let session = site.start(&browser, Access::ReadOnly);
        assert!(!session.has_form_token(&token) && !session.has_form_token(&early), "{before:?} to {after:?}");
        assert!(session.has_form_token(&late), "{before:?} to {after:?}");
    }
}

/// Another request of the old user creates one while the new user logs in.
#[test]
fn a_form_token_created_during_a_login_is_not_the_new_users() {
    let site = Site::new();
    let mut browser = site.visitor();
    let mut login = site.start(&browser, Access::Optimistic);
    log_in(&mut login, "alice");
    let mut token = String::new();
    site.visit(&mut browser, |session| token = session.create_form_token(site.random()).expect("token"));
    site.finish(&mut browser, login);
    let mut session = site.start(&browser, Access::ReadOnly);
    assert_eq!(session.user(), Some("alice"));
    assert!(!session.has_form_token(&token));
}

#[test]
fn attributes_and_flash_values_end_with_their_user() {
    for (before, after, stays) in
        [(None, Some("alice"), true), (Some("alice"), Some("bob"), false), (Some("alice"), None, false)]
    {
        let site = Site::new();
        let mut browser = site.visitor();
        site.visit(&mut browser, |session| {
            session.set_user(before.map(String::from)).expect("set_user");
            set(session, "cart", 3);
            session.set_with_ttl("code", text("1234"), 60_000, site.now()).expect("set_with_ttl");
            session.set_flash("notice", text("hello")).expect("flash");
        });
        site.visit(&mut browser, |session| {
            set(session, "chosen", 1);
            increment(session, "cart");
            session.set_flash("own", text("welcome")).expect("flash");
            session.set_user(after.map(String::from)).expect("set_user");
            if !stays {
                assert_eq!(session.names(), ["cart", "chosen"]);
            }
            assert_eq!(session.contains("code"), stays);
        });
        let mut session = site.start(&browser, Access::Optimistic);
        assert_eq!(session.user(), after);
        assert_eq!(integer(&mut session, "chosen"), 1, "what the request itself sets stays");
        assert_eq!((session.contains("code"), session.attribute_expires("code").is_some()), (stays, stays));
        assert_eq!(session.take_flash("notice").is_some(), stays, "{before:?} to {after:?}");
        assert_eq!(session.take_flash("own"), Some(text("welcome")));
    }
}

#[test]
fn an_increment_of_the_old_users_attribute_is_dropped_with_it() {
    let site = Site::new();
    let mut browser = Browser::default();
    site.visit(&mut browser, |session| {
        log_in(session, "alice");
        set(session, "points", 100);
    });
    site.visit(&mut browser, |session| {
        session.increment("points", 5).expect("increment");
        log_in(session, "bob");
        assert_eq!(session.increment("points", 1), Ok(1));
    });
    assert_eq!(site.see(&browser, "points"), Some(Value::Integer(1)));
}

/// Another request stores something for the old user while the new one logs in.
#[test]
fn data_stored_during_a_change_of_user_is_the_old_users() {
    let site = Site::new();
    let mut browser = Browser::default();
    site.visit(&mut browser, |session| log_in(session, "alice"));
    let mut switch = site.start(&browser, Access::Optimistic);
    log_in(&mut switch, "bob");
    site.visit(&mut browser, |session| {
        set(session, "iban", 7);
        session.set_flash("notice", text("for alice")).expect("flash");
    });
    site.finish(&mut browser, switch);
    let mut session = site.start(&browser, Access::Optimistic);
    assert_eq!(session.user(), Some("bob"));
    assert!(session.is_empty());
    assert_eq!(session.take_flash("notice"), None);
}

#[test]
fn a_user_who_stays_keeps_everything() {
    let site = Site::new();
    let mut browser = Browser::default();
    site.visit(&mut browser, |session| {
        log_in(session, "alice");
        set(session, "a", 1);
    });
    site.visit(&mut browser, |session| {
        log_in(session, "bob");
        log_in(session, "alice");
        assert_eq!(integer(session, "a"), 1);
    });
    site.visit(&mut browser, |session| session.mark_authenticated().expect("authenticate"));
    assert_eq!(site.see(&browser, "a"), Some(Value::Integer(1)));
}
