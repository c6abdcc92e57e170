//! The life of a session, one request at a time.

use session_core::Error;
use session_core::attributes::Value;
use session_core::client::Client;
use session_core::configuration::Configuration;
use session_core::cookie::HeaderField;
use session_core::session::Access;

use crate::site::{Browser, HOUR, MINUTE, START, Site, integer, is_private, log_in, set};

const NOTHING: [HeaderField; 0] = [];

#[test]
fn a_visitor_without_data_gets_no_cookie_and_no_session() {
    let site = Site::new();
    let mut browser = Browser::default();
    let fields = site.visit(&mut browser, |session| {
        assert_eq!(session.id(), None);
        assert_eq!(session.user(), None);
        assert_eq!(session.get("a"), None);
        assert!(!session.has_info());
        assert!(session.is_empty());
    });
    assert_eq!(fields, NOTHING);
    assert!(site.store.is_empty());
    assert_eq!(site.store.calls(), [""; 0], "the store was not even asked");
}

#[test]
fn changes_undone_within_a_request_store_nothing() {
    let site = Site::new();
    let fields = site.visit(&mut Browser::default(), |session| {
        set(session, "a", 1);
        session.remove("a").expect("remove");
        log_in(session, "alice");
        session.set_user(None).expect("set_user");
        let token = session.create_form_token([1; 16]).expect("token");
        assert_eq!(session.remove_form_token(&token), Ok(true));
        set(session, "b", 1);
        session.clear().expect("clear");
        assert!(!session.has_info());
    });
    assert_eq!(fields, NOTHING);
    assert!(site.store.is_empty());
}

#[test]
fn an_attribute_a_user_or_a_token_creates_a_session() {
    let site = Site::new();
    for number in 0..3 {
        let mut browser = Browser::default();
        let fields = site.visit(&mut browser, |session| {
            match number {
                0 => set(session, "a", 1),
                1 => log_in(session, "alice"),
                _ => drop(session.create_form_token([1; 16])),
            }
            assert!(session.has_info());
            assert_eq!((session.is_empty(), session.len()), (number > 0, usize::from(number == 0)));
            assert_eq!(session.id(), None, "not stored before the end");
        });
        let names: Vec<&str> = fields.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["set-cookie", "cache-control", "vary"]);
        let session = site.start(&browser, Access::ReadOnly);
        assert!(session.has_info());
        let id = session.id().expect("stored").as_str();
        assert!(browser.cookie.expect("cookie").starts_with(id));
    }
    assert_eq!(site.store.inner().records.len(), 3);
}

#[test]
fn attributes_are_a_dictionary_of_typed_values() {
    let site = Site::new();
    let mut browser = Browser::default();
    let values = [
        ("boolean", Value::Boolean(true)),
        ("bytes", Value::Bytes(vec![0, 255])),
        ("integer", Value::Integer(i64::MIN)),
        ("json", Value::Json("{\"a\": [1]}".into())),
        ("null", Value::Null),
        ("number", Value::Number(f64::NAN)),
        ("text", Value::Text("\u{1f980}\0".into())),
    ];
    site.visit(&mut browser, |session| {
        for (name, value) in values.iter().rev() {
            session.set(name, value.clone()).expect("set");
        }
    });
    site.visit(&mut browser, |session| {
        assert_eq!(session.len(), 7);
        assert_eq!(session.names(), values.each_ref().map(|(name, _)| *name));
        assert_eq!(session.entries(), values.each_ref().map(|(name, value)| (name.to_string(), value.clone())));
        assert!(session.contains("null") && !session.contains("nil"));
        assert_eq!(session.remove("integer"), Ok(Some(Value::Integer(i64::MIN))));
        assert_eq!(session.remove("integer"), Ok(None));
        set(session, "integer", 5);
        set(session, "another", 6);
        assert_eq!((session.len(), integer(session, "integer")), (8, 5));
    });
    site.visit(&mut browser, |session| {
        assert_eq!((session.len(), integer(session, "another")), (8, 6));
        session.clear().expect("clear");
        assert_eq!(session.len(), 0);
        assert_eq!(session.get("text"), None);
        set(session, "text", 1);
        assert_eq!(session.names(), ["text"]);
    });
    assert_eq!(site.start(&browser, Access::ReadOnly).names(), ["text"]);
}

#[test]
fn an_unchanged_session_is_not_written() {
    let site = Site::new();
    let mut browser = site.visitor();
    let before = site.store.only();
    let fields = site.visit(&mut browser, |session| {
        set(session, "a", 2);
        set(session, "a", 1);
        set(session, "b", 1);
        session.remove("b").expect("remove");
        log_in(session, "alice");
        session.set_user(None).expect("set_user");
    });
    assert_eq!(fields, NOTHING);
    assert_eq!(site.store.calls(), ["load"]);
    assert_eq!(site.store.only(), before);
}

#[test]
fn clearing_nothing_and_consuming_no_token_are_not_changes() {
    let site = Site::new();
    let mut browser = Browser::default();
    site.visit(&mut browser, |session| log_in(session, "alice"));
    site.store.calls();
    site.visit(&mut browser, |session| {
        session.clear().expect("clear");
        assert_eq!(session.remove_form_token(&"0".repeat(32)), Ok(false));
    });
    assert_eq!(site.store.calls(), ["load"]);
}

#[test]
fn an_attribute_set_after_a_clear_is_kept() {
    let site = Site::new();
    let mut browser = site.visitor();
    site.visit(&mut browser, |session| set(session, "b", 2));
    site.visit(&mut browser, |session| {
        session.clear().expect("clear");
        set(session, "a", 1);
        assert_eq!(session.names(), ["a"]);
    });
    assert_eq!(site.start(&browser, Access::ReadOnly).names(), ["a"]);
}

#[test]
fn a_change_costs_one_save_and_no_new_cookie() {
    let site = Site::new();
    let mut browser = site.visitor();
    let fields = site.visit(&mut browser, |session| set(session, "a", 2));
    assert_eq!(fields, NOTHING);
    assert_eq!(site.store.calls(), ["load", "save"]);
    assert_eq!(site.store.only().version, 2);
}

/// Only when the optimistic save conflicts is the session locked.
#[test]
fn concurrent_changes_are_merged_under_the_lock() {
    let site = Site::new();
    let mut browser = site.visitor();
    let mut late = site.start(&browser, Access::Optimistic);
    set(&mut late, "b", 2);
    site.visit(&mut browser.clone(), |session| set(session, "a", 2));
    site.store.calls();
    site.finish(&mut browser, late);
    assert_eq!(site.store.calls(), ["save", "lock", "guard.load", "guard.save"]);
    assert_eq!(site.store.only().version, 3);
    assert!(site.store.inner().locked.is_empty());
}

#[test]
fn a_logout_costs_one_delete() {
    let site = Site::new();
    let mut browser = site.visitor();
    site.visit(&mut browser, |session| session.expire().expect("expire"));
    assert_eq!(site.store.calls(), ["load", "delete"]);
    assert!(site.store.is_empty());
}

#[test]
fn a_session_in_use_is_touched_once_a_minute() {
    let site = Site::new();
    let mut browser = site.visitor();
    site.wait(MINUTE - 1);
    site.visit(&mut browser, |_| {});
    assert_eq!(site.store.calls(), ["load"]);
    site.wait(1);
    site.visit(&mut browser, |_| {});
    assert_eq!(site.store.calls(), ["load", "touch"]);
    site.visit(&mut browser, |session| assert_eq!(session.access_age(START + MINUTE), 0));
    assert_eq!(site.store.calls(), ["load"]);
    assert_eq!(site.store.only().version, 1);
}

/// The lock is released first: otherwise the touch would wait for it.
#[test]
fn an_exclusive_request_without_changes_touches_too() {
    let site = Site::new();
    let mut browser = site.visitor();
    site.wait(2 * MINUTE);
    let session = site.start(&browser, Access::Exclusive);
    site.finish(&mut browser, session);
    assert_eq!(site.store.only().last_active, START + 2 * MINUTE);
    assert!(site.store.inner().locked.is_empty());
}

/// A resolution of a minute would expire a session of half a minute while in use.
#[test]
fn a_short_idle_timeout_is_touched_more_often() {
    let site = Site::with(Configuration { idle_timeout: Some(30_000), ..Configuration::default() });
    let mut browser = site.visitor();
    for _ in 0..100 {
        site.wait(7_500);
        site.visit(&mut browser, |session| assert!(session.has_info()));
    }
    site.wait(30_000);
    assert!(!site.start(&browser, Access::ReadOnly).has_info());
}

#[test]
fn without_an_idle_timeout_nothing_is_touched() {
    let site = Site::with(Configuration { idle_timeout: None, ..Configuration::default() });
    let mut browser = site.visitor();
    site.wait(11 * HOUR);
    site.visit(&mut browser, |session| assert!(session.has_info()));
    assert_eq!(site.store.calls(), ["load"]);
}

#[test]
fn an_unused_session_expires() {
    let site = Site::new();
    let mut browser = site.visitor();
    for (wait, alive) in [(29 * MINUTE, true), (30 * MINUTE - 1, true), (30 * MINUTE, false)] {
        site.wait(wait);
        let fields = site.visit(&mut browser, |session| assert_eq!(session.has_info(), alive));
        assert_eq!(fields, NOTHING, "a dead cookie is not revoked");
    }
}

#[test]
fn a_session_expires_whatever_its_activity() {
    let site = Site::new();
    let mut browser = site.visitor();
    for count in 0..12 * 60 / 20 {
        site.visit(&mut browser, |session| {
            assert!(session.has_info());
            set(session, "count", count);
        });
        site.wait(20 * MINUTE);
    }
    assert!(!site.start(&browser, Access::ReadOnly).has_info());
}

#[test]
fn sessions_may_have_no_timeout() {
    let configuration = Configuration { idle_timeout: None, absolute_timeout: None, ..Configuration::default() };
    let site = Site::with(configuration);
    let browser = site.visitor();
    site.wait(100 * 365 * 24 * HOUR);
    assert!(site.start(&browser, Access::ReadOnly).has_info());
    let eternal = Site::with(Configuration { absolute_timeout: Some(u64::MAX), ..Configuration::default() });
    eternal.visitor();
    assert_eq!(eternal.store.only().contents.deadline, Some(u64::MAX));
}

#[test]
fn a_failed_request_saves_nothing() {
    let site = Site::new();
    let browser = site.visitor();
    let before = site.store.only();
    site.wait(2 * MINUTE);
    for access in [Access::Optimistic, Access::Exclusive] {
        let mut session = site.start(&browser, access);
        set(&mut session, "a", 2);
        log_in(&mut session, "mallory");
        session.expire().expect("expire");
        assert!(is_private(&site.manager.finish_failed_request(session)), "its answer may show the session");
        assert_eq!(site.store.only(), before);
        assert!(site.store.inner().locked.is_empty());
    }
    assert_eq!(site.see(&browser, "a"), Some(Value::Integer(1)));
}

#[test]
fn dropping_a_session_discards_its_changes() {
    let site = Site::new();
    let browser = site.visitor();
    let before = site.store.only();
    let mut session = site.start(&browser, Access::Exclusive);
    set(&mut session, "a", 2);
    drop(session);
    assert_eq!(site.store.only(), before);
    assert!(site.store.inner().locked.is_empty());
}

#[test]
fn logout_ends_the_session_at_the_end_of_the_request() {
    let site = Site::new();
    for access in [Access::Optimistic, Access::Exclusive] {
        let mut browser = site.visitor();
        let copy = browser.clone();
        let mut session = site.start(&browser, access);
        session.expire().expect("expire");
        assert_eq!(integer(&mut session, "a"), 1, "readable until then");
        set(&mut session, "b", 1);
        assert_eq!(site.store.inner().records.len(), 1);
        let fields = site.finish(&mut browser, session);
        assert!(fields[0].1.starts_with("__Host-session=; Path=/; Max-Age=0;"));
        assert_eq!(fields[1], ("cache-control".into(), "no-store".into()));
        assert_eq!(browser.cookie, None);
        assert!(site.store.is_empty());
        assert!(!site.start(&copy, Access::ReadOnly).has_info(), "nor does a copy of the cookie work");
    }
}

#[test]
fn logout_of_a_session_that_ended_meanwhile_succeeds() {
    let site = Site::new();
    let mut browser = site.visitor();
    let mut session = site.start(&browser, Access::Optimistic);
    session.expire().expect("expire");
    assert_eq!(site.manager.end_session(&site.store.only().id), Ok(true));
    site.finish(&mut browser, session);
    assert_eq!(browser.cookie, None);
}

#[test]
fn logout_of_an_unstored_session_has_no_effect() {
    let site = Site::new();
    let fields = site.visit(&mut Browser::default(), |session| {
        set(session, "a", 1);
        session.expire().expect("expire");
    });
    assert_eq!(fields, NOTHING);
    assert!(site.store.is_empty());
}

#[test]
fn an_emptied_session_ends() {
    let site = Site::new();
    let mut browser = site.visitor();
    let fields = site.visit(&mut browser, |session| {
        session.remove("a").expect("remove");
        assert!(!session.has_info());
    });
    assert_eq!(fields.len(), 3);
    assert_eq!(browser.cookie, None);
    assert!(site.store.is_empty());
}

#[test]
fn a_read_only_request_changes_nothing_and_leaves_no_trace() {
    let site = Site::new();
    let mut browser = site.visitor();
    let before = site.store.only();
    site.wait(10 * MINUTE);
    let mut session = site.start(&browser, Access::ReadOnly);
    assert_eq!(integer(&mut session, "a"), 1);
    let denied = Error::AccessDenied("the session is read-only in this request".into());
    assert_eq!(session.set("a", Value::Null), Err(denied.clone()));
    assert_eq!(session.remove("a"), Err(denied.clone()));
    assert_eq!(session.clear(), Err(denied.clone()));
    assert_eq!(session.set_user(None), Err(denied.clone()));
    assert_eq!(session.create_form_token([0; 16]), Err(denied.clone()));
    assert_eq!(session.remove_form_token(""), Err(denied.clone()));
    assert_eq!(session.expire(), Err(denied.clone()));
    assert_eq!(session.regenerate(), Err(denied));
    assert_eq!(site.finish(&mut browser, session), NOTHING);
    assert_eq!(site.store.calls(), ["load"]);
    assert_eq!(site.store.only(), before);
}

#[test]
fn ages_are_never_negative() {
    let site = Site::new();
    let mut browser = site.visitor();
    site.wait(5 * MINUTE);
    site.visit(&mut browser, |session| set(session, "a", 2));
    site.wait(3 * MINUTE);
    let session = site.start(&browser, Access::ReadOnly);
    assert_eq!((session.created(), session.last_active()), (START, START + 5 * MINUTE));
    let now = site.now();
    assert_eq!((session.creation_age(now), session.access_age(now)), (8 * MINUTE, 3 * MINUTE));
    assert_eq!((session.creation_age(START - 1), session.access_age(START - 1)), (0, 0));

    let new = site.start(&Browser::default(), Access::Optimistic);
    assert_eq!((new.created(), new.last_active()), (now, now));
}

#[test]
fn the_address_is_that_of_the_first_request() {
    let site = Site::new();
    let browser = site.visitor();
    let session = site.manager.start_request(&browser.fields(), Client::at(Some("::1")), Access::ReadOnly, site.now());
    assert_eq!(session.expect("start").remote_address(), Some("192.0.2.1"));
    let session = site.manager.start_request(&[], Client::default(), Access::ReadOnly, site.now());
    assert_eq!(session.expect("start").remote_address(), None);
}

#[test]
fn a_form_token_works_once() {
    let site = Site::new();
    let mut browser = Browser::default();
    let mut token = String::new();
    site.visit(&mut browser, |session| {
        token = session.create_form_token(site.random()).expect("token");
        assert_eq!(token.len(), 32);
        assert!(session.has_form_token(&token));
    });
    // The session must not end with its last token.
    site.visit(&mut browser, |session| set(session, "a", 1));
    site.visit(&mut browser, |session| {
        assert!(session.has_form_token(&token));
        assert_eq!(session.remove_form_token(&token), Ok(true));
        assert!(!session.has_form_token(&token));
        assert_eq!(session.remove_form_token(&token), Ok(false));
    });
    site.visit(&mut browser, |session| {
        assert!(!session.has_form_token(&token));
        assert_eq!(session.remove_form_token(&token), Ok(false));
    });
}

#[test]
fn a_form_token_of_a_failed_request_can_be_sent_again() {
    let site = Site::new();
    let mut browser = Browser::default();
    let mut token = String::new();
    site.visit(&mut browser, |session| token = session.create_form_token(site.random()).expect("token"));
    let mut session = site.start(&browser, Access::Optimistic);
    assert_eq!(session.remove_form_token(&token), Ok(true));
    site.manager.finish_failed_request(session);
    assert!(site.start(&browser, Access::ReadOnly).has_form_token(&token));
}

#[test]
fn the_store_holds_no_usable_secret() {
    let site = Site::new();
    let mut browser = Browser::default();
    let mut token = String::new();
    site.visit(&mut browser, |session| token = session.create_form_token(*b"0123456789abcdef").expect("token"));
    let data = site.store.only().contents.data;
    let cookie = browser.cookie.expect("cookie");
    let (_, secret) = cookie.split_once('.').expect("id.secret");
    let secret_bytes = u128::from_str_radix(secret, 16).expect("hex").to_be_bytes();
    for hidden in [secret.as_bytes(), &secret_bytes, token.as_bytes(), b"0123456789abcdef"] {
        assert!(!data.windows(hidden.len()).any(|window| window == hidden));
    }
}

#[test]
fn administration_needs_no_cookie() {
    let site = Site::new();
    let mut alice = Browser::default();
    site.visit(&mut alice, |session| log_in(session, "alice"));
    let id = site.store.only().id;
    assert_eq!(site.manager.has_session(&id), Ok(true));
    assert!(site.manager.store().inner().records.contains_key(&id));

    let mut session = site.manager.inspect_session(&id, site.now()).expect("inspect").expect("there");
    assert_eq!(session.id(), Some(&id));
    assert_eq!(session.user(), Some("alice"));
    assert!(matches!(session.expire(), Err(Error::AccessDenied(_))));

    assert_eq!(site.manager.end_session(&id), Ok(true));
    assert_eq!(site.manager.end_session(&id), Ok(false));
    assert_eq!(site.manager.has_session(&id), Ok(false));
    assert!(site.manager.inspect_session(&id, site.now()).expect("inspect").is_none());
    assert_eq!(site.start(&alice, Access::ReadOnly).user(), None);
}

#[test]
fn all_sessions_of_a_user_end_at_once() {
    let site = Site::new();
    let mut browsers = [(); 4].map(|()| Browser::default());
    for (browser, user) in browsers.iter_mut().zip(["alice", "alice", "bob", "alice"]) {
        site.visit(browser, |session| log_in(session, user));
    }
    assert_eq!(site.manager.end_sessions_of("alice"), Ok(3));
    assert_eq!(site.manager.end_sessions_of("alice"), Ok(0));
    let users = browsers.map(|browser| site.start(&browser, Access::ReadOnly).user().map(str::to_string));
    assert_eq!(users, [None, None, Some("bob".into()), None]);
}

#[test]
fn dump_describes_and_reveals_nothing() {
    let site = Site::new();
    let mut browser = Browser::default();
    site.visit(&mut browser, |session| {
        log_in(session, "al\nice");
        set(session, "pin", 4711);
        session.set("note", Value::Text("hidden".into())).expect("set");
        session.set("blob", Value::Bytes(vec![1; 3])).expect("set");
        session.set("json", Value::Json("[1]".into())).expect("set");
        session.set("none", Value::Null).expect("set");
        session.set("ratio", Value::Number(0.5)).expect("set");
        session.set("yes", Value::Boolean(true)).expect("set");
        session.create_form_token([1; 16]).expect("token");
    });
    site.wait(1500);
    let mut session = site.start(&browser, Access::Optimistic);
    session.regenerate().expect("regenerate");
    session.expire().expect("expire");
    let id = session.id().expect("id").clone();
    let expected = [
        "user: al\\nice",
        "remote address: 192.0.2.1",
        "user agent: none",
        "created: 1500 ms ago",
        "last active: 1500 ms ago",
        "form tokens: 1",
        "attributes: 7",
        "  blob: bytes, 3 bytes",
        "  json: json, 3 bytes",
        "  none: null",
        "  note: text, 6 bytes",
        "  pin: integer",
        "  ratio: number",
        "  yes: boolean",
        "ends with the request",
        "gets a new id",
    ];
    assert_eq!(session.dump(site.now()), format!("session: {id}\n{}\n", expected.join("\n")));
    assert_eq!(format!("{session:?}"), format!("Session {{ id: Some({id}), access: Optimistic, .. }}"));
}
