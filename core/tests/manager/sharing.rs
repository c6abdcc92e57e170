//! Two concurrent requests of one client.

use proptest::prelude::*;
use session_core::Error;
use session_core::attributes::Value;
use session_core::session::{Access, Session};
use session_core::state::State;

use crate::memory::Guard;
use crate::site::{Browser, Site, increment, integer, log_in, set};

/// Runs `first` in one request and `second` in another that started before the first was finished. Returns the result
/// of the second finish and the final session.
#[track_caller]
fn race(
    first: impl FnOnce(&mut Session<Guard>),
    second: impl FnOnce(&mut Session<Guard>),
) -> (Result<(), Error>, Vec<(String, i64)>) {
    let site = Site::new();
    let mut browser = Browser::default();
    site.visit(&mut browser, |session| {
        set(session, "a", 1);
        set(session, "b", 2);
    });
    let mut late = site.start(&browser, Access::Optimistic);
    second(&mut late);
    site.visit(&mut browser, first);
    let before = site.store.only();
    let outcome = site.try_finish(&mut browser, late).map(drop);
    if outcome.is_err() {
        assert_eq!(site.store.only(), before, "nothing of the request is stored");
    }
    assert!(site.store.inner().locked.is_empty());
    let mut session = site.start(&browser, Access::ReadOnly);
    let names = session.names();
    (outcome, names.into_iter().map(|name| (name.clone(), integer(&mut session, &name))).collect())
}

fn state(attributes: &[(&str, i64)]) -> Vec<(String, i64)> {
    attributes.iter().map(|(name, value)| (name.to_string(), *value)).collect()
}

fn remove(session: &mut Session<Guard>, name: &str) {
    session.remove(name).expect("remove");
}

#[test]
fn changes_of_different_attributes_both_succeed() {
    let expected = (Ok(()), state(&[("a", 11), ("b", 12)]));
    assert_eq!(race(|s| set(s, "a", 11), |s| set(s, "b", 12)), expected);
    let read_the_other = |s: &mut Session<Guard>| {
        integer(s, "a");
        set(s, "b", 12);
    };
    assert_eq!(race(|s| set(s, "a", 11), read_the_other), expected);
    assert_eq!(race(|s| set(s, "a", 11), |s| increment(s, "b")), (Ok(()), state(&[("a", 11), ("b", 3)])));
    assert_eq!(
        race(|s| set(s, "c", 3), |s| set(s, "d", 4)),
        (Ok(()), state(&[("a", 1), ("b", 2), ("c", 3), ("d", 4)]))
    );
    assert_eq!(race(|s| remove(s, "a"), |s| remove(s, "b")).0, Ok(()));
}

#[test]
fn the_last_of_blind_changes_wins() {
    assert_eq!(race(|s| set(s, "a", 11), |s| set(s, "a", 12)), (Ok(()), state(&[("a", 12), ("b", 2)])));
    assert_eq!(race(|s| remove(s, "a"), |s| set(s, "a", 12)), (Ok(()), state(&[("a", 12), ("b", 2)])));
    let clear = |s: &mut Session<Guard>| s.clear().expect("clear");
    let clear_and_set = |s: &mut Session<Guard>| {
        clear(s);
        set(s, "x", 9);
    };
    assert_eq!(race(|s| set(s, "c", 3), clear_and_set), (Ok(()), state(&[("x", 9)])));
    assert_eq!(race(clear_and_set, |s| set(s, "a", 12)), (Ok(()), state(&[("a", 12), ("x", 9)])));
}

#[test]
fn a_change_of_a_stale_attribute_conflicts() {
    let conflict = Err(Error::Conflict(2));
    assert_eq!(race(|s| increment(s, "a"), |s| increment(s, "a")), (conflict.clone(), state(&[("a", 2), ("b", 2)])));
    assert_eq!(race(|s| remove(s, "a"), |s| increment(s, "a")).0, conflict);
    assert_eq!(race(|s| set(s, "c", 3), |s| increment(s, "c")).0, conflict, "it was absent");
    assert_eq!(race(|s| set(s, "a", 3), |s| remove(s, "a")).0, conflict, "remove returned the old value");
    for read in [
        |s: &mut Session<Guard>| assert!(s.contains("a")),
        |s: &mut Session<Guard>| drop(s.names()),
        |s: &mut Session<Guard>| drop(s.entries()),
        |s: &mut Session<Guard>| assert_eq!(s.len(), 2),
        |s: &mut Session<Guard>| drop(s.dump(0)),
    ] {
        let second = |s: &mut Session<Guard>| {
            read(s);
            set(s, "a", 12);
        };
        assert_eq!(race(|s| set(s, "a", 11), second).0, conflict);
    }
    let read_and_clear = |s: &mut Session<Guard>| {
        s.names();
        s.clear().expect("clear");
        set(s, "x", 1);
    };
    assert_eq!(race(|s| set(s, "c", 11), read_and_clear).0, conflict);
    assert_eq!(race(|s| set(s, "a", 11), read_and_clear).0, conflict);
    assert_eq!(race(|s| remove(s, "a"), read_and_clear).0, conflict);
}

#[test]
fn reading_alone_never_conflicts() {
    let read_all = |s: &mut Session<Guard>| {
        s.entries();
        s.dump(0);
        s.user();
    };
    assert_eq!(race(|s| set(s, "a", 11), read_all), (Ok(()), state(&[("a", 11), ("b", 2)])));
    let read_all_and_change_another = |s: &mut Session<Guard>| {
        read_all(s);
        set(s, "c", 3);
    };
    assert_eq!(race(|s| set(s, "a", 11), read_all_and_change_another).0, Ok(()));
}

#[test]
fn reading_ones_own_write_is_not_a_read() {
    let write_and_read = |s: &mut Session<Guard>| {
        set(s, "a", 12);
        assert_eq!(integer(s, "a"), 12);
        increment(s, "a");
    };
    assert_eq!(race(|s| set(s, "a", 11), write_and_read), (Ok(()), state(&[("a", 13), ("b", 2)])));
    let clear_and_read = |s: &mut Session<Guard>| {
        s.clear().expect("clear");
        assert_eq!(s.get("a"), None);
        set(s, "a", 13);
    };
    assert_eq!(race(|s| set(s, "a", 11), clear_and_read), (Ok(()), state(&[("a", 13)])));
}

#[test]
fn a_value_changed_and_restored_does_not_conflict() {
    let there_and_back = |s: &mut Session<Guard>| set(s, "b", 5);
    assert_eq!(race(there_and_back, |s| increment(s, "a")), (Ok(()), state(&[("a", 2), ("b", 5)])));
    let not_a_number = |s: &mut Session<Guard>| s.set("a", Value::Number(f64::NAN)).expect("set");
    let site = Site::new();
    let mut browser = Browser::default();
    site.visit(&mut browser, not_a_number);
    let mut late = site.start(&browser, Access::Optimistic);
    late.get("a");
    set(&mut late, "a", 1);
    site.visit(&mut browser, |s| set(s, "b", 1));
    site.finish(&mut browser, late);
}

#[test]
fn a_session_emptied_by_one_and_filled_by_another_lives_on() {
    let empty = |s: &mut Session<Guard>| s.clear().expect("clear");
    // A blind write, so it merges with the other's removal: then nothing is left.
    let site = Site::new();
    let mut browser = site.visitor();
    let mut late = site.start(&browser, Access::Optimistic);
    empty(&mut late);
    site.visit(&mut browser, |s| log_in(s, "alice"));
    assert_eq!(site.try_finish(&mut browser.clone(), late), Err(Error::Gone), "a login gave it a new id");

    let mut browser = site.visitor();
    let mut late = site.start(&browser, Access::Optimistic);
    empty(&mut late);
    assert!(!late.has_info());
    site.visit(&mut browser, |s| drop(s.create_form_token(site.random())));
    site.finish(&mut browser, late);
    let mut session = site.start(&browser, Access::ReadOnly);
    assert!(session.has_info(), "the token of the other request");
    assert_eq!(session.len(), 0);
}

#[test]
fn a_form_token_consumed_by_two_requests_works_for_one() {
    let site = Site::new();
    let mut browser = site.visitor();
    let mut token = String::new();
    site.visit(&mut browser, |s| token = s.create_form_token(site.random()).expect("token"));
    let mut late = site.start(&browser, Access::Optimistic);
    assert_eq!(late.remove_form_token(&token), Ok(true));
    set(&mut late, "order", 1);
    site.visit(&mut browser, |s| assert_eq!(s.remove_form_token(&token), Ok(true)));
    assert_eq!(site.try_finish(&mut browser, late), Err(Error::Conflict(3)));
    assert_eq!(site.see(&browser, "order"), None);
}

#[test]
fn tokens_created_by_two_requests_are_both_kept() {
    let site = Site::new();
    let mut browser = site.visitor();
    let mut late = site.start(&browser, Access::Optimistic);
    let mut tokens = vec![late.create_form_token(site.random()).expect("token")];
    site.visit(&mut browser, |s| tokens.push(s.create_form_token(site.random()).expect("token")));
    site.finish(&mut browser, late);
    let session = site.start(&browser, Access::ReadOnly);
    assert!(tokens.iter().all(|token| session.has_form_token(token)));
}

/// Changes of the user give the session a new id, so only another client of the store can cause this.
#[test]
fn a_user_that_was_read_and_changed_elsewhere_conflicts() {
    let site = Site::new();
    let mut browser = site.visitor();
    let sessions = [true, false].map(|read| {
        let mut session = site.start(&browser, Access::Optimistic);
        if read {
            session.user();
        }
        log_in(&mut session, "alice");
        session
    });
    let mut record = site.store.only();
    let mut state = State::decode(&record.contents.data).expect("state");
    state.user = Some("bob".into());
    record.contents.data = state.encode().expect("encode");
    record.version = 2;
    site.store.inner().records.insert(record.id.clone(), record);
    let [read, blind] = sessions;
    assert_eq!(site.try_finish(&mut browser, read), Err(Error::Conflict(2)));
    site.finish(&mut browser, blind);
    assert_eq!(site.start(&browser, Access::ReadOnly).user(), Some("alice"));
}

#[test]
fn a_login_after_reading_the_user_merges_with_other_changes() {
    let site = Site::new();
    let mut browser = site.visitor();
    let mut late = site.start(&browser, Access::Optimistic);
    assert_eq!(late.user(), None);
    log_in(&mut late, "alice");
    site.visit(&mut browser.clone(), |session| set(session, "b", 2));
    site.finish(&mut browser, late);
    assert_eq!(site.see(&browser, "b"), Some(Value::Integer(2)));
    assert_eq!(site.start(&browser, Access::ReadOnly).user(), Some("alice"));
}

#[test]
fn an_exclusive_request_has_the_session_to_itself() {
    let site = Site::new();
    let mut browser = site.visitor();
    let mut session = site.start(&browser, Access::Exclusive);
    increment(&mut session, "a");
    assert_eq!(site.try_start(&browser, Access::Exclusive).expect_err("locked"), Error::Busy);
    let mut other = site.start(&browser, Access::Optimistic);
    increment(&mut other, "a");
    assert_eq!(site.try_finish(&mut browser.clone(), other), Err(Error::Busy));
    assert_eq!(site.see(&browser, "a"), Some(Value::Integer(1)), "readers are not kept waiting");
    site.finish(&mut browser, session);
    assert_eq!(site.see(&browser, "a"), Some(Value::Integer(2)));
    assert!(site.start(&browser, Access::Exclusive).has_info());
}

#[test]
fn without_a_session_there_is_nothing_to_lock() {
    let site = Site::new();
    site.start(&Browser::default(), Access::Exclusive);
    assert_eq!(site.store.calls(), [""; 0]);
    let mut browser = site.visitor();
    site.visit(&mut browser.clone(), |s| s.expire().expect("expire"));
    site.store.calls();
    let mut session = site.start(&browser, Access::Exclusive);
    assert_eq!(site.store.calls(), ["load", "load"], "the session, and what may be kept of its id");
    set(&mut session, "a", 2);
    site.finish(&mut browser, session);
    assert_eq!(site.see(&browser, "a"), Some(Value::Integer(2)));
}

/// The session may have ended by the time the lock is granted.
#[test]
fn a_session_that_changed_during_the_lock_wait_is_reloaded() {
    let site = Site::new();
    let browser = site.visitor();
    let stale = site.store.only();
    for change in ["deleted", "another secret"] {
        let id = stale.id.clone();
        site.store.inner().records.insert(id.clone(), stale.clone());
        let during_the_wait = site.store.clone();
        site.store.before("lock", move || {
            let mut inner = during_the_wait.inner();
            let mut record = inner.records.remove(&id).expect("there");
            if change == "another secret" {
                let mut state = State::decode(&record.contents.data).expect("state");
                state.secret = Default::default();
                record.contents.data = state.encode().expect("encode");
                inner.records.insert(id, record);
            }
        });
        let session = site.start(&browser, Access::Exclusive);
        assert_eq!(session.id(), None, "{change}");
        assert!(site.store.inner().locked.is_empty(), "{change}");
    }
}

/// A store that reuses an id for another session.
#[test]
fn changes_are_never_stored_in_a_session_with_another_secret() {
    let site = Site::new();
    let mut browser = site.visitor();
    for regenerate in [false, true] {
        let mut session = site.start(&browser, Access::Optimistic);
        set(&mut session, "b", 1);
        if regenerate {
            session.regenerate().expect("regenerate");
        }
        let mine = site.store.only();
        let mut other = mine.clone();
        let mut state = State::decode(&other.contents.data).expect("state");
        state.secret = Default::default();
        other.contents.data = state.encode().expect("encode");
        other.version += 1;
        site.store.inner().records.insert(other.id.clone(), other.clone());
        assert_eq!(site.try_finish(&mut browser, session), Err(Error::Gone));
        assert_eq!(site.store.only(), other);
        site.store.inner().records.insert(mine.id.clone(), mine);
    }
}

const REQUESTS: usize = 4;

/// An attribute that a request has set to a value or, with none, incremented.
type Done = (usize, Option<i64>);

#[derive(Clone, Debug)]
enum Step {
    Start(Access),
    Set(usize),
    Increment(usize),
    Finish { succeed: bool },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => prop_oneof![Just(Access::Optimistic), Just(Access::Exclusive)].prop_map(Step::Start),
        2 => (0..3_usize).prop_map(Step::Set),
        3 => (0..3_usize).prop_map(Step::Increment),
        3 => prop_oneof![4 => Just(true), 1 => Just(false)].prop_map(|succeed| Step::Finish { succeed }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// However requests interleave, the session ends up as if the successful ones had run serially in the order of
    /// their finish.
    #[test]
    fn successful_requests_are_serializable(
        steps in prop::collection::vec((0..REQUESTS, step()), 1..60)
    ) {
        let site = Site::new();
        let mut browser = site.visitor();
        let mut expected = [1_i64, 0, 0];
        let names = ["a", "b", "c"];
        let mut running: [Option<(Session<Guard>, Vec<Done>)>; REQUESTS] = Default::default();
        let mut unique = 1_000;

        for (request, step) in steps {
            match (step, running[request].take()) {
                (Step::Start(access), None) => {
                    running[request] = site.try_start(&browser, access).ok().map(|session| (session, vec![]));
                }
                (Step::Set(name), Some((mut session, mut done))) => {
                    unique += 1_000;
                    set(&mut session, names[name], unique);
                    done.push((name, Some(unique)));
                    running[request] = Some((session, done));
                }
                (Step::Increment(name), Some((mut session, mut done))) => {
                    increment(&mut session, names[name]);
                    done.push((name, None));
                    running[request] = Some((session, done));
                }
                (Step::Finish { succeed: true }, Some((session, done))) => {
                    match site.try_finish(&mut browser, session) {
                        Ok(fields) => {
                            prop_assert!(fields.is_empty());
                            for (name, value) in done {
                                expected[name] = value.unwrap_or(expected[name] + 1);
                            }
                        }
                        Err(error) => prop_assert!(matches!(error, Error::Conflict(_) | Error::Busy), "{error:?}"),
                    }
                }
                (Step::Finish { succeed: false }, Some((session, _))) => {
                    prop_assert!(site.manager.finish_failed_request(session).iter().all(|(name, _)| name != "set-cookie"));
                }
                (_, other) => running[request] = other,
            }
            let mut session = site.start(&browser, Access::ReadOnly);
            for (name, expected) in names.into_iter().zip(expected) {
                prop_assert_eq!(integer(&mut session, name), expected, "{}", name);
            }
        }
        drop(running);
        prop_assert!(site.store.inner().locked.is_empty());
    }
}
