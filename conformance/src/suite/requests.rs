//! The life of a session across requests.

use crate::bindings::Access::{Exclusive, Optimistic, ReadOnly};
use crate::bindings::Options;
use crate::browser::{Browser, PEER, new_session, set_cookies};
use crate::check::refused;
use crate::client::{Configuration, Manager, contents, integer, options, text};
use crate::harness::Harness;

pub async fn a_visitor_leaves_no_trace(host: &impl Harness) {
    let manager = host.manager().await;
    for access in [ReadOnly, Optimistic, Exclusive] {
        let session = Browser::new().start(&manager, access).await.unwrap();
        assert_eq!((session.id().await, session.user().await), (None, None));
        assert!(!session.has_info().await);
        assert!(session.get("anything").await.is_none() && session.names().await.is_empty());
        assert!(set_cookies(&manager.finish(session).await.unwrap()).is_empty(), "{access:?}");
    }
    assert!(host.store().await.ids().await.is_empty());
}

pub async fn what_came_and_went_in_one_request_leaves_no_trace(host: &impl Harness) {
    let manager = host.manager().await;
    let session = Browser::new().start(&manager, Optimistic).await.unwrap();
    session.set("draft", &text("x")).await.unwrap();
    session.remove("draft").await.unwrap();
    session.set_user(Some("ann")).await.unwrap();
    session.set_user(None).await.unwrap();
    let token = session.create_form_token().await.unwrap();
    session.remove_form_token(&token).await.unwrap();
    assert!(!session.has_info().await);
    assert_eq!(manager.finish(session).await.unwrap(), []);
    assert!(host.store().await.ids().await.is_empty());
}

/// Any kind of information is enough to keep a session; a user is not required.
pub async fn anything_to_keep_is_kept(host: &impl Harness) {
    let manager = host.manager().await;
    for what in ["attribute", "null", "user", "token"] {
        let mut browser = Browser::new();
        let work = async |session: &crate::client::Session| {
            match what {
                "attribute" => session.set("a", &text("x")).await.unwrap(),
                "null" => session.set("a", &crate::bindings::Value::Null).await.unwrap(),
                "user" => session.set_user(Some("ann")).await.unwrap(),
                _ => drop(session.create_form_token().await.unwrap()),
            }
            assert!(session.has_info().await, "{what}");
        };
        browser.visit(&manager, Optimistic, work).await.unwrap();
        assert!(browser.has_cookie(), "{what}");
        assert!(browser.look(&manager).await.is_some(), "{what}");
        assert!(browser.visit(&manager, ReadOnly, async |session| session.has_info().await).await.unwrap(), "{what}");
    }
}

pub async fn a_session_lives_across_requests_and_instances(host: &impl Harness) {
    let mut browser = Browser::new();
    for count in 1..=5 {
        let manager = host.manager().await;
        let counted = browser.visit(&manager, Optimistic, async |session| session.increment("visits").await).await;
        assert_eq!(counted.unwrap(), count);
        assert!(browser.has_cookie());
    }
    assert_eq!(host.store().await.ids().await.len(), 1);
}

pub async fn what_is_unchanged_is_neither_written_nor_sent(host: &impl Harness) {
    let (manager, store) = (host.manager().await, host.store().await);
    let mut browser = new_session(&manager).await;
    let id = browser.look(&manager).await.unwrap();
    let before = store.load(&id).await.unwrap().unwrap();
    for access in [ReadOnly, Optimistic, Exclusive] {
        let session = browser.start(&manager, access).await.unwrap();
        session.entries().await;
        session.has_form_token("x").await;
        assert!(set_cookies(&manager.finish(session).await.unwrap()).is_empty(), "{access:?}");
    }
    browser
        .visit(&manager, Optimistic, async |session| session.set("visits", &integer(1)).await.unwrap())
        .await
        .unwrap();
    let after = store.load(&id).await.unwrap().unwrap();
    assert_eq!((after.info.version, after.data), (before.info.version, before.data));
}

/// A response made from a session must not be served from a cache to another client.
pub async fn answers_of_a_session_are_kept_out_of_caches(host: &impl Harness) {
    let manager = host.manager().await;
    let browser = new_session(&manager).await;
    let private = [("cache-control", "no-store"), ("vary", "Cookie")].map(|(name, value)| (name.into(), value.into()));
    for access in [ReadOnly, Optimistic, Exclusive] {
        for succeed in [true, false] {
            let session = browser.start(&manager, access).await.unwrap();
            let fields = if succeed { manager.finish(session).await.unwrap() } else { manager.fail(session).await };
            assert_eq!(fields, private, "{access:?}, {succeed}");
        }
    }
    let visitor = Browser::new().start(&manager, Optimistic).await.unwrap();
    assert_eq!(manager.finish(visitor).await.unwrap(), [], "this response contains no session");
}

pub async fn a_failed_request_changes_nothing(host: &impl Harness) {
    let (manager, store) = (host.manager().await, host.store().await);
    let mut browser = new_session(&manager).await;
    let before = browser.clone();
    let id = browser.look(&manager).await.unwrap();
    for access in [Optimistic, Exclusive] {
        let work = async |session: &crate::client::Session| {
            session.increment("visits").await;
            session.set_user(Some("eve")).await.unwrap();
            session.create_form_token().await.unwrap();
            session.regenerate().await.unwrap();
        };
        browser.fail(&manager, access, work).await.unwrap();
        browser.fail(&manager, access, async |session| session.expire().await.unwrap()).await.unwrap();
        browser.fail(&manager, access, async |session| session.clear().await.unwrap()).await.unwrap();
        assert_eq!(browser.cookies(), before.cookies());
        let session = browser.start(&manager, ReadOnly).await.unwrap();
        assert_eq!(session.id().await.as_deref(), Some(&*id));
        assert_eq!((session.count("visits").await, session.user().await), (Some(1), None));
        assert_eq!(store.load(&id).await.unwrap().unwrap().info.version, 1);
    }
}

pub async fn a_failed_first_request_leaves_no_trace(host: &impl Harness) {
    let manager = host.manager().await;
    let mut browser = Browser::new();
    browser.fail(&manager, Optimistic, async |session| session.increment("visits").await).await.unwrap();
    assert!(!browser.has_cookie());
    assert!(host.store().await.ids().await.is_empty());
}

pub async fn a_dropped_session_discards_its_changes(host: &impl Harness) {
    let manager = host.manager().await;
    let mut browser = new_session(&manager).await;
    for access in [Optimistic, Exclusive] {
        let session = browser.start(&manager, access).await.unwrap();
        session.increment("visits").await;
        session.close().await;
        let count = browser.visit(&manager, Exclusive, async |session| session.count("visits").await).await.unwrap();
        assert_eq!(count, Some(1));
    }
}

pub async fn a_logout_ends_the_session_and_the_cookie(host: &impl Harness) {
    let (manager, store) = (host.manager().await, host.store().await);
    for access in [Optimistic, Exclusive] {
        let mut browser = new_session(&manager).await;
        let mut thief = browser.clone();
        let id = browser.look(&manager).await.unwrap();
        browser.visit(&manager, access, async |session| session.expire().await.unwrap()).await.unwrap();
        assert!(!browser.has_cookie());
        assert!(!store.has(&id).await.unwrap());
        assert_eq!(thief.look(&manager).await, None, "the old cookie is dead");
    }
    assert!(store.ids().await.is_empty());
}

pub async fn a_logout_of_nobody_sends_nothing(host: &impl Harness) {
    let manager = host.manager().await;
    let session = Browser::new().start(&manager, Optimistic).await.unwrap();
    session.set("a", &text("x")).await.unwrap();
    session.expire().await.unwrap();
    let fields = manager.finish(session).await.unwrap();
    assert!(!Browser::new().has_cookie() && host.store().await.ids().await.is_empty(), "{fields:?}");
    let mut browser = Browser::new();
    browser.receive(&fields);
    assert!(!browser.has_cookie());
}

pub async fn a_session_that_lost_its_last_information_ends(host: &impl Harness) {
    let (manager, store) = (host.manager().await, host.store().await);
    for how in ["remove", "clear"] {
        let mut browser = new_session(&manager).await;
        let work = async |session: &crate::client::Session| {
            match how {
                "remove" => drop(session.remove("visits").await.unwrap()),
                _ => session.clear().await.unwrap(),
            }
            assert!(!session.has_info().await);
        };
        browser.visit(&manager, Optimistic, work).await.unwrap();
        assert!(!browser.has_cookie(), "{how}");
        assert!(store.ids().await.is_empty(), "{how}");
    }
}

pub async fn a_session_that_ended_meanwhile_stays_so(host: &impl Harness) {
    let (manager, other) = (host.manager().await, host.manager().await);
    for change in ["attribute", "user", "token"] {
        let mut browser = new_session(&manager).await;
        let session = browser.start(&manager, Optimistic).await.unwrap();
        let id = session.id().await.unwrap();
        match change {
            "attribute" => session.set("late", &text("x")).await.unwrap(),
            "user" => session.set_user(Some("ann")).await.unwrap(),
            _ => drop(session.create_form_token().await.unwrap()),
        }
        assert!(other.end(&id).await.unwrap());
        refused(manager.finish(session).await, "gone");
        assert_eq!(browser.look(&other).await, None, "{change}");
        assert!(host.store().await.ids().await.is_empty(), "{change}: a logout cannot be undone");
    }
}

pub async fn times_and_address_are_told(host: &impl Harness) {
    let (manager, clock) = (host.manager().await, host.clock());
    let start = clock.now();
    let browser = new_session(&manager).await;
    clock.pass(600_000);
    let session = manager.start(&browser.cookies(), Some("198.51.100.1"), ReadOnly).await.unwrap();
    assert_eq!((session.created().await, session.last_active().await), (start, start));
    assert_eq!((session.creation_age().await, session.access_age().await), (600_000, 600_000));
    assert_eq!(session.remote_address().await.as_deref(), Some(PEER));
    clock.set(start - 1);
    assert_eq!((session.creation_age().await, session.access_age().await), (0, 0));
    clock.set(start);
    let new = manager.start(&[], None, ReadOnly).await.unwrap();
    assert_eq!((new.created().await, new.creation_age().await, new.remote_address().await), (start, 0, None));
}

pub async fn too_much_to_store_is_refused_whole(host: &impl Harness) {
    let instance = host.instance().await;
    let options = Options { size_limit: Some(1000), ..options() };
    let manager = Manager::open(&instance, host.location(), options, &Configuration::default()).await.unwrap();
    let mut browser = new_session(&manager).await;
    let session = browser.start(&manager, Optimistic).await.unwrap();
    session.increment("visits").await;
    session.set("big", &text(&"x".repeat(1000))).await.unwrap();
    refused(manager.finish(session).await, "too-large 1000");
    let session = browser.start(&manager, ReadOnly).await.unwrap();
    assert_eq!((session.count("visits").await, session.contains("big").await), (Some(1), false));
    assert_eq!(browser.look(&manager).await, session.id().await);
}

pub async fn a_stored_session_belongs_to_its_user(host: &impl Harness) {
    let (manager, store) = (host.manager().await, host.store().await);
    let mut browser = new_session(&manager).await;
    browser.visit(&manager, Optimistic, async |session| session.set_user(Some("ann")).await.unwrap()).await.unwrap();
    let id = browser.look(&manager).await.unwrap();
    let of_ann = store.sessions_of("ann").await.unwrap();
    assert_eq!(of_ann.into_iter().map(|info| info.id).collect::<Vec<_>>(), [id]);
    store.create(None, &contents("ann", "not a manager's")).await.unwrap();
    assert_eq!(manager.end_sessions_of("ann").await.unwrap(), 2);
}
