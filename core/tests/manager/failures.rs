//! Failing stores and unreadable data: an error is never "no session".

use session_core::Error;
use session_core::attributes::Value;
use session_core::configuration::Configuration;
use session_core::events::Event;
use session_core::session::Access;
use session_core::state::State;

use crate::site::{Browser, MINUTE, Site, increment, log_in, set};

fn io() -> Error {
    Error::Io("the disk is on fire".into())
}

#[test]
fn an_error_of_the_store_is_not_read_as_no_session() {
    let site = Site::new();
    let browser = site.visitor();
    for error in [io(), Error::Busy, Error::AccessDenied("no".into()), Error::Other("?".into())] {
        for access in [Access::ReadOnly, Access::Optimistic, Access::Exclusive] {
            site.store.fail("load", error.clone());
            assert_eq!(site.try_start(&browser, access).expect_err("load"), error);
        }
        for operation in ["lock", "guard.load"] {
            site.store.fail(operation, error.clone());
            assert_eq!(site.try_start(&browser, Access::Exclusive).expect_err(operation), error);
            assert!(site.store.inner().locked.is_empty());
        }
        let id = site.store.only().id;
        site.store.fail("load", error.clone());
        assert_eq!(site.manager.has_session(&id), Err(error.clone()));
        site.store.fail("load", error.clone());
        assert_eq!(site.manager.inspect_session(&id, site.now()).expect_err("load"), error);
    }
}

#[test]
fn a_session_that_cannot_be_read_is_replaced_by_a_new_one_and_left_as_it_is() {
    for data in [&b""[..], b"\x80\x04\x95pickle", b"\x01\x20cut", b"\x02"] {
        let site = Site::new();
        let mut browser = site.visitor();
        let mut broken = site.store.only();
        broken.contents.data = data.to_vec();
        site.store.inner().records.insert(broken.id.clone(), broken.clone());
        for access in [Access::ReadOnly, Access::Optimistic, Access::Exclusive] {
            assert_eq!(site.start(&browser, access).id(), None);
        }
        assert!(matches!(site.manager.inspect_session(&broken.id, site.now()), Err(Error::Corrupt(_))));
        assert_eq!(site.manager.has_session(&broken.id), Ok(true));
        site.visit(&mut browser, |session| set(session, "a", 2));
        assert_eq!(site.see(&browser, "a"), Some(Value::Integer(2)));
        assert_eq!(site.store.inner().records.get(&broken.id), Some(&broken));
    }
}

#[test]
fn a_corrupt_file_is_no_session_either() {
    let site = Site::new();
    let browser = site.visitor();
    let corrupt = || Error::Corrupt("put aside".into());
    for access in [Access::ReadOnly, Access::Optimistic, Access::Exclusive] {
        site.store.fail("load", corrupt());
        assert_eq!(site.start(&browser, access).id(), None);
    }
    site.store.fail("guard.load", corrupt());
    assert_eq!(site.start(&browser, Access::Exclusive).id(), None);
    assert!(site.store.inner().locked.is_empty());
    site.store.fail("load", corrupt());
    let id = site.store.only().id;
    assert_eq!(site.manager.inspect_session(&id, site.now()).expect_err("corrupt"), corrupt());
}

/// Each operation of each kind of finish fails once: the error is returned, the session is unchanged, the lock is free,
/// and the old cookie works.
#[test]
fn a_finish_that_fails_changes_nothing() {
    type Work = fn(&mut session_core::session::Session<crate::memory::Guard>);
    let change: Work = |session| set(session, "a", 2);
    let login: Work = |session| log_in(session, "alice");
    let logout: Work = |session| session.expire().expect("expire");
    let empty: Work = |session| drop(session.remove("a"));
    use Access::{Exclusive, Optimistic};
    for (access, operation, work) in [
        (Optimistic, "save", change),
        (Exclusive, "guard.save", change),
        (Optimistic, "lock", login),
        (Optimistic, "guard.load", login),
        (Optimistic, "guard.save", login),
        (Optimistic, "guard.rename", login),
        (Optimistic, "delete", logout),
        (Exclusive, "guard.delete", logout),
        (Optimistic, "lock", empty),
        (Optimistic, "guard.load", empty),
        (Optimistic, "guard.delete", empty),
    ] {
        let site = Site::new();
        let mut browser = site.visitor();
        let before = site.store.only();
        site.wait(2 * MINUTE);
        for error in [io(), Error::Busy, Error::NoSpace("full".into()), Error::TooLarge(10)] {
            let mut session = site.start(&browser, access);
            work(&mut session);
            site.store.fail(operation, error.clone());
            assert_eq!(site.try_finish(&mut browser, session), Err(error), "{operation}");
            let after = site.store.only();
            assert_eq!((after.id, after.contents), (before.id.clone(), before.contents.clone()), "{operation}");
            assert!(site.store.inner().locked.is_empty());
            assert_eq!(site.see(&browser, "a"), Some(Value::Integer(1)), "{operation}");
        }
    }
}

#[test]
fn a_create_that_fails_sends_no_cookie() {
    let site = Site::new();
    let mut browser = Browser::default();
    let mut session = site.start(&browser, Access::Optimistic);
    set(&mut session, "a", 1);
    site.store.fail("create", io());
    assert_eq!(site.try_finish(&mut browser, session), Err(io()));
    assert_eq!(browser.cookie, None);
}

/// Both the renewal and its rollback fail: the client must log in again, and no client gains access.
#[test]
fn a_regeneration_that_cannot_be_undone_is_an_error() {
    let site = Site::new();
    let mut browser = site.visitor();
    let mut session = site.start(&browser, Access::Exclusive);
    log_in(&mut session, "alice");
    site.store.pass("guard.save");
    site.store.fail("guard.rename", Error::NoSpace("no room for a name".into()));
    site.store.fail("guard.save", io());
    assert_eq!(
        site.try_finish(&mut browser, session),
        Err(Error::OutcomeUnknown(
            "the session could not be renewed (no room for a name), and its cookie is no longer valid \
             (the disk is on fire)"
                .into()
        ))
    );
    assert!(!site.start(&browser, Access::ReadOnly).has_info());
    assert!(site.store.inner().locked.is_empty());
}

/// The id is taken, and the second attempt fails at its save: the first one is undone.
#[test]
fn a_regeneration_that_fails_halfway_is_undone() {
    let site = Site::new();
    let mut browser = site.visitor();
    let before = site.store.only();
    let mut session = site.start(&browser, Access::Optimistic);
    log_in(&mut session, "alice");
    site.store.pass("guard.save");
    site.store.fail("guard.rename", Error::AlreadyExists);
    site.store.fail("guard.save", io());
    assert_eq!(site.try_finish(&mut browser, session), Err(io()));
    assert_eq!(site.store.only().contents, before.contents);
    assert!(site.start(&browser, Access::ReadOnly).has_info());
}

/// With an unknown outcome, the session is left alone.
#[test]
fn an_unknown_outcome_of_the_rename_is_passed_on() {
    let site = Site::new();
    let mut browser = site.visitor();
    let mut session = site.start(&browser, Access::Optimistic);
    log_in(&mut session, "alice");
    let unknown = Error::OutcomeUnknown("the directory was not synced".into());
    site.store.fail("guard.rename", unknown.clone());
    site.store.calls();
    assert_eq!(site.try_finish(&mut browser, session), Err(unknown));
    assert_eq!(site.store.calls(), ["lock", "guard.load", "create", "guard.save", "guard.rename"]);
    let state = State::decode(&site.store.only().contents.data).expect("a state");
    assert_eq!(state.user.as_deref(), Some("alice"));
    assert!(!site.start(&browser, Access::ReadOnly).has_info(), "the old secret does not open the new state");
}

#[test]
fn touching_an_ended_session_is_not_an_error() {
    let site = Site::new();
    let mut browser = site.visitor();
    site.wait(2 * MINUTE);
    let session = site.start(&browser, Access::Optimistic);
    site.manager.end_session(&site.store.only().id).expect("end");
    assert_eq!(site.finish(&mut browser, session), []);
}

/// Session3's defect 7: a save after a logout resurrected the session.
#[test]
fn logout_cannot_be_undone_by_a_request_in_flight() {
    type Work = fn(&mut session_core::session::Session<crate::memory::Guard>);
    for work in [
        (|session| set(session, "b", 1)) as Work,
        |session| increment(session, "a"),
        |session| log_in(session, "alice"),
        |session| session.regenerate().expect("regenerate"),
        |session| session.clear().expect("clear"),
        |session| drop(session.remove("a").expect("remove")),
    ] {
        let site = Site::new();
        let mut browser = site.visitor();
        let mut in_flight = browser.clone();
        let mut session = site.start(&in_flight, Access::Optimistic);
        work(&mut session);
        site.visit(&mut browser, |session| session.expire().expect("expire"));
        assert_eq!(site.try_finish(&mut in_flight, session), Err(Error::Gone));
        assert!(site.store.is_empty());
    }
}

/// Another request saved first, so the changes are applied to the newest state: the load and the save can fail.
#[test]
fn a_merge_that_fails_stores_nothing() {
    let site = Site::new();
    let mut browser = site.visitor();
    let merge = || {
        let mut late = site.start(&browser, Access::Optimistic);
        set(&mut late, "b", 2);
        site.visit(&mut browser.clone(), |session| increment(session, "a"));
        late
    };
    for operation in ["lock", "guard.load", "guard.save"] {
        let late = merge();
        site.store.fail(operation, io());
        let before = site.store.only();
        assert_eq!(site.try_finish(&mut browser.clone(), late), Err(io()), "{operation}");
        assert_eq!(site.store.only(), before, "{operation}");
    }

    let late = merge();
    let mut rotten = site.store.only();
    rotten.contents.data = b"\x01cut".to_vec();
    site.store.inner().records.insert(rotten.id.clone(), rotten.clone());
    let error = site.try_finish(&mut browser, late).expect_err("rotten");
    assert!(matches!(error, Error::Corrupt(_)), "{error:?}");
    assert_eq!(site.store.only(), rotten);
}

/// The disk is read-only, full or broken: a page view is answered, and the failure is reported.
#[test]
fn a_failed_touch_does_not_fail_the_page() {
    let due = Configuration { renewal_interval: Some(MINUTE), ..Configuration::default() };
    let unconfirmed = Configuration { unconfirmed_timeout: Some(60 * MINUTE), ..Configuration::default() };
    for (configuration, operation) in [(Configuration::default(), "touch"), (due, "guard.save"), (unconfirmed, "save")]
    {
        for error in [io(), Error::AccessDenied("read-only".into()), Error::NoSpace("full".into())] {
            let site = Site::with(configuration.clone());
            let mut browser = site.visitor();
            let before = site.store.sessions();
            site.wait(2 * MINUTE);
            site.events();
            site.store.fail(operation, error);
            assert!(site.visit(&mut browser, |session| assert!(session.has_info())).is_empty());
            assert_eq!(site.events(), [Event::TouchFailed]);
            assert_eq!(site.store.sessions(), before);
            assert!(site.store.inner().locked.is_empty());
            site.visit(&mut browser, |session| assert!(session.has_info()));
            assert!(!site.events().contains(&Event::TouchFailed), "it works again");
        }
    }
}
