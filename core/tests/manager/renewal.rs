//! A new id and a new secret: at login, at logout, and on request.

use session_core::attributes::Value;
use session_core::configuration::Configuration;
use session_core::session::Access;
use session_core::{Error, SessionId};

use crate::site::{Browser, HOUR, Site, increment, integer, log_in, set};

#[test]
fn a_new_user_gets_a_new_id_and_the_old_cookie_is_dead() {
    let site = Site::new();
    for access in [Access::Optimistic, Access::Exclusive] {
        let mut browser = site.visitor();
        for user in [Some("alice"), Some("bob"), None] {
            let old = browser.clone();
            let mut session = site.start(&browser, access);
            let old_id = session.id().expect("id").clone();
            session.set_user(user.map(str::to_string)).expect("set_user");
            set(&mut session, "user's", 1);
            let fields = site.finish(&mut browser, session);

            assert_eq!(fields.len(), 3);
            assert_ne!(browser.cookie, old.cookie);
            assert!(!site.start(&old, Access::ReadOnly).has_info(), "the old cookie");
            assert_eq!(site.manager.has_session(&old_id), Ok(false));
            let mut session = site.start(&browser, Access::ReadOnly);
            assert_eq!(session.user(), user);
            assert_eq!(integer(&mut session, "user's"), 1);
            assert_eq!(site.store.only().contents.owner.as_deref(), user);
            assert!(site.store.inner().locked.is_empty());
        }
        site.manager.end_session(&site.store.only().id).expect("end");
    }
}

#[test]
fn neither_the_old_secret_nor_the_new_id_is_enough() {
    let site = Site::new();
    let mut browser = site.visitor();
    let old = browser.cookie.clone().expect("cookie");
    site.visit(&mut browser, |session| session.regenerate().expect("regenerate"));
    let new = browser.cookie.clone().expect("cookie");
    let ((old_id, old_secret), (new_id, new_secret)) =
        (old.split_once('.').expect("old"), new.split_once('.').expect("new"));
    for (id, secret, works) in [
        (new_id, new_secret, true),
        (old_id, old_secret, false),
        (new_id, old_secret, false),
        (old_id, new_secret, false),
    ] {
        let browser = Browser::with(format!("{id}.{secret}"));
        assert_eq!(site.start(&browser, Access::ReadOnly).has_info(), works);
    }
}

#[test]
fn regenerate_keeps_the_data_and_the_deadline() {
    let site = Site::new();
    let mut browser = site.visitor();
    let before = site.store.only();
    site.wait(1000);
    site.visit(&mut browser, |session| session.regenerate().expect("regenerate"));
    let after = site.store.only();
    assert_ne!(after.id, before.id);
    assert_eq!(after.created, before.created);
    assert_eq!(after.contents.deadline, before.contents.deadline);
    assert_eq!(site.see(&browser, "a"), Some(Value::Integer(1)));
}

#[test]
fn login_restarts_the_deadline_and_logout_does_not() {
    let site = Site::new();
    let mut browser = site.visitor();
    let (start, day) = (site.now(), 12 * HOUR);
    let deadline = || site.store.only().contents.deadline;
    assert_eq!(deadline(), Some(start + day));
    site.wait(1000);
    site.visit(&mut browser, |session| log_in(session, "alice"));
    assert_eq!(deadline(), Some(start + 1000 + day));
    site.wait(1000);
    site.visit(&mut browser, |session| {
        session.set_user(None).expect("set_user");
        set(session, "b", 1);
    });
    assert_eq!(deadline(), Some(start + 1000 + day));
}

#[test]
fn setting_the_same_user_is_not_a_change() {
    let site = Site::new();
    let mut browser = Browser::default();
    site.visit(&mut browser, |session| log_in(session, "alice"));
    let before = site.store.only();
    assert!(site.visit(&mut browser, |session| log_in(session, "alice")).is_empty());
    assert_eq!(site.store.only(), before);
}

#[test]
fn a_new_session_has_nothing_to_regenerate() {
    let site = Site::new();
    let mut browser = Browser::default();
    site.visit(&mut browser, |session| {
        session.regenerate().expect("regenerate");
        set(session, "a", 1);
    });
    assert_eq!(site.store.calls(), ["create"]);
    assert!(site.visit(&mut Browser::default(), |session| session.regenerate().expect("regenerate")).is_empty());
}

#[test]
fn logout_by_user_alone_ends_a_session_that_has_nothing_else() {
    let site = Site::new();
    let mut browser = Browser::default();
    site.visit(&mut browser, |session| log_in(session, "alice"));
    site.visit(&mut browser, |session| session.set_user(None).expect("set_user"));
    assert_eq!(browser.cookie, None);
    assert!(site.store.is_empty());
}

#[test]
fn regeneration_keeps_concurrent_changes() {
    let site = Site::new();
    let mut browser = site.visitor();
    let mut login = site.start(&browser, Access::Optimistic);
    log_in(&mut login, "alice");
    set(&mut login, "mine", 1);
    site.visit(&mut browser, |session| set(session, "theirs", 2));
    site.finish(&mut browser, login);
    let mut session = site.start(&browser, Access::ReadOnly);
    assert_eq!(session.names(), ["a", "mine", "theirs"]);
}

/// The response to the request in flight must not replace the new cookie.
#[test]
fn a_request_in_flight_during_a_login_does_not_undo_it() {
    let site = Site::new();
    let mut browser = site.visitor();
    let mut in_flight = browser.clone();
    let mut late = site.start(&browser, Access::Optimistic);
    let reading = site.start(&browser, Access::Optimistic);
    site.visit(&mut browser, |session| log_in(session, "alice"));
    let before = site.store.only();

    set(&mut late, "b", 1);
    assert_eq!(site.try_finish(&mut in_flight, late), Err(Error::Gone));
    assert_eq!(site.try_finish(&mut in_flight, reading), Ok(vec![]));
    // Even a request that arrives later with the dead cookie gets no revocation.
    assert_eq!(site.visit(&mut in_flight, |_| {}), []);
    assert_eq!(site.store.only(), before);
}

#[test]
fn of_two_concurrent_logins_one_wins() {
    let site = Site::new();
    let mut browser = site.visitor();
    let mut sessions = ["alice", "bob"].map(|user| {
        let mut session = site.start(&browser, Access::Optimistic);
        log_in(&mut session, user);
        session
    });
    let second = sessions.as_mut_slice().last_mut().expect("two").user().map(str::to_string);
    assert_eq!(second.as_deref(), Some("bob"));
    let [first, second] = sessions;
    site.finish(&mut browser, first);
    assert_eq!(site.try_finish(&mut browser, second), Err(Error::Gone));
    assert_eq!(site.start(&browser, Access::ReadOnly).user(), Some("alice"));
}

#[test]
fn a_taken_id_is_drawn_again_three_times() {
    let site = Site::new();
    let mut browser = site.visitor();
    let before = site.store.only();
    let taken = [9; 16];
    let other = SessionId::generate(taken);
    let record = session_core::store::Record { id: other.clone(), ..before.clone() };
    site.store.inner().records.insert(other.clone(), record.clone());
    // Each attempt draws an id and a secret.
    site.rigged.borrow_mut().extend([taken; 4]);
    site.visit(&mut browser, |session| session.regenerate().expect("regenerate"));
    assert!(site.start(&browser, Access::ReadOnly).has_info());

    site.rigged.borrow_mut().extend([taken; 6]);
    let stored = site.store.inner().records.clone();
    let mut session = site.start(&browser, Access::Optimistic);
    log_in(&mut session, "alice");
    assert_eq!(site.try_finish(&mut browser, session), Err(Error::AlreadyExists));
    let mut session = site.start(&browser, Access::ReadOnly);
    assert!(session.has_info(), "the old cookie works as before");
    assert_eq!(session.user(), None);
    assert_eq!(site.store.inner().records.len(), stored.len());

    site.rigged.borrow_mut().extend([taken; 4]);
    let mut newcomer = Browser::default();
    site.visit(&mut newcomer, |session| set(session, "a", 3));
    assert_eq!(site.see(&newcomer, "a"), Some(Value::Integer(3)));
    site.rigged.borrow_mut().extend([taken; 6]);
    let mut session = site.start(&Browser::default(), Access::Optimistic);
    set(&mut session, "a", 4);
    assert_eq!(site.try_finish(&mut newcomer, session), Err(Error::AlreadyExists));
    assert_eq!(site.store.inner().records.get(&other), Some(&record), "nobody's session was replaced");
}

#[test]
fn a_conflict_stops_a_regeneration_too() {
    let site = Site::new();
    let mut browser = site.visitor();
    let mut session = site.start(&browser, Access::Optimistic);
    increment(&mut session, "a");
    log_in(&mut session, "alice");
    site.visit(&mut browser, |session| set(session, "a", 5));
    let before = site.store.only();
    assert_eq!(site.try_finish(&mut browser, session), Err(Error::Conflict(2)));
    assert_eq!(site.store.only(), before);
}

#[test]
fn without_an_absolute_timeout_login_sets_no_deadline() {
    let site = Site::with(Configuration { absolute_timeout: None, ..Configuration::default() });
    let mut browser = site.visitor();
    site.visit(&mut browser, |session| log_in(session, "alice"));
    assert_eq!(site.store.only().contents.deadline, None);
}
