//! The session's user, and how a login changes the id and the secret.

use crate::bindings::Access::{Exclusive, Optimistic, ReadOnly};
use crate::browser::{Browser, new_session};
use crate::check::refused_for;
use crate::client::{Manager, Session, text};
use crate::clock::MINUTE;
use crate::harness::Harness;

/// Makes a request after which the old id and the old cookie must be dead. Returns the counter if it is kept.
async fn renewed(manager: &Manager, browser: &mut Browser, work: impl AsyncFnOnce(&Session)) -> Option<i64> {
    let mut thief = browser.clone();
    let (old, value) = (browser.look(manager).await.unwrap(), browser.cookie().to_owned());
    browser.visit(manager, Optimistic, work).await.unwrap();
    let new = browser.look(manager).await.expect("still a session");
    assert_ne!(new, old);
    assert_ne!(browser.cookie()[new.len()..], value[old.len()..], "the secret is new");
    assert_eq!(thief.look(manager).await, None, "the old cookie is dead");
    assert!(!manager.has(&old).await.unwrap());
    browser.visit(manager, ReadOnly, async |session| session.count("visits").await).await.unwrap()
}

async fn user(manager: &Manager, browser: &mut Browser) -> Option<String> {
    browser.visit(manager, ReadOnly, async |session| session.user().await).await.unwrap()
}

/// Session fixation: a cookie planted before the login is worthless after it.
pub async fn a_login_changes_id_and_secret(host: &impl Harness) {
    let manager = host.manager().await;
    let mut browser = new_session(&manager).await;
    for (name, visits) in [(Some("ann"), Some(1)), (Some("bob"), None), (None, None)] {
        let work = async |session: &Session| {
            session.set_user(name).await.unwrap();
            session.set("colour", &text("green")).await.unwrap();
        };
        assert_eq!(renewed(&manager, &mut browser, work).await, visits, "data of one user ends with that user");
        assert_eq!(user(&manager, &mut browser).await.as_deref(), name);
    }
    assert_eq!(host.store().await.sessions().await.len(), 1);
}

/// An attacker who planted the session before the login knows its form tokens, and so does the browser's previous user.
pub async fn form_tokens_and_flash_values_end_with_their_user(host: &impl Harness) {
    let manager = host.manager().await;
    let mut browser = new_session(&manager).await;
    for (name, notice) in [(Some("ann"), true), (Some("bob"), false), (None, false)] {
        let leave = async |session: &Session| {
            session.set_flash("notice", &text("hello")).await.unwrap();
            session.create_form_token().await.unwrap()
        };
        let token = browser.visit(&manager, Optimistic, leave).await.unwrap();
        let change = async |session: &Session| {
            session.set_user(name).await.unwrap();
            session.set("colour", &text("green")).await.unwrap();
            assert!(!session.has_form_token(&token).await, "in the same request");
        };
        browser.visit(&manager, Optimistic, change).await.unwrap();
        let look = async |session: &Session| {
            assert!(!session.has_form_token(&token).await, "{name:?}");
            assert_eq!(session.take_flash("notice").await.is_some(), notice, "{name:?}");
        };
        browser.visit(&manager, Optimistic, look).await.unwrap();
    }
}

/// In the default configuration as well: the browser already has the login's cookie, and must not lose it.
pub async fn an_answer_after_a_login_sets_no_anonymous_cookie(host: &impl Harness) {
    let manager = host.manager().await;
    let mut browser = new_session(&manager).await;
    let late = browser.clone();
    browser.visit(&manager, Optimistic, async |session| session.set_user(Some("ann")).await.unwrap()).await.unwrap();
    let session = late.start(&manager, Optimistic).await.unwrap();
    assert_eq!(session.user().await, None);
    session.increment("visits").await;
    refused_for(manager.finish(session).await, "gone", &"the cookie was replaced");
    assert_eq!(host.store().await.sessions().await.len(), 1);
    // The response to the login was lost, and the user retries.
    let mut again = late.clone();
    again.visit(&manager, Optimistic, async |session| session.set_user(Some("ann")).await.unwrap()).await.unwrap();
    assert_eq!(user(&manager, &mut again).await.as_deref(), Some("ann"));
}

pub async fn a_login_under_exclusive_access(host: &impl Harness) {
    let manager = host.manager().await;
    let mut browser = new_session(&manager).await;
    let mut thief = browser.clone();
    let work = async |session: &Session| session.set_user(Some("ann")).await.unwrap();
    browser.visit(&manager, Exclusive, work).await.unwrap();
    assert_eq!(thief.look(&manager).await, None);
    assert_eq!(user(&manager, &mut browser).await.as_deref(), Some("ann"));
}

pub async fn regenerating_changes_id_and_secret(host: &impl Harness) {
    let manager = host.manager().await;
    let start = host.clock().now();
    let mut browser = new_session(&manager).await;
    host.clock().pass(MINUTE);
    let work = async |session: &Session| session.regenerate().await.unwrap();
    assert_eq!(renewed(&manager, &mut browser, work).await, Some(1));
    let created = browser.visit(&manager, ReadOnly, async |session| session.created().await).await.unwrap();
    assert_eq!(created, start, "the same session, with the same absolute timeout");
}

pub async fn regenerating_with_other_changes_keeps_them(host: &impl Harness) {
    let manager = host.manager().await;
    let mut browser = new_session(&manager).await;
    let work = async |session: &Session| {
        session.regenerate().await.unwrap();
        session.increment("visits").await;
    };
    browser.visit(&manager, Optimistic, work).await.unwrap();
    let visits = browser.visit(&manager, ReadOnly, async |session| session.count("visits").await).await.unwrap();
    assert_eq!(visits, Some(2));
}

pub async fn the_same_user_again_changes_nothing(host: &impl Harness) {
    let manager = host.manager().await;
    let mut browser = new_session(&manager).await;
    browser.visit(&manager, Optimistic, async |session| session.set_user(Some("ann")).await.unwrap()).await.unwrap();
    let (id, cookies) = (browser.look(&manager).await, browser.cookies());
    browser.visit(&manager, Optimistic, async |session| session.set_user(Some("ann")).await.unwrap()).await.unwrap();
    assert_eq!((browser.look(&manager).await, browser.cookies()), (id, cookies));
}

pub async fn a_new_session_may_begin_with_a_login(host: &impl Harness) {
    let manager = host.manager().await;
    let mut browser = Browser::new();
    browser.visit(&manager, Optimistic, async |session| session.set_user(Some("ann")).await.unwrap()).await.unwrap();
    assert_eq!(user(&manager, &mut browser).await.as_deref(), Some("ann"));
    browser.visit(&manager, Optimistic, async |session| session.set_user(None).await.unwrap()).await.unwrap();
    assert!(!browser.has_cookie(), "the session had nothing but the user");
    assert!(host.store().await.ids().await.is_empty());
}

/// While one request logs the user in, another with the old cookie is in flight.
pub async fn a_request_overtaken_by_a_login_stores_nothing(host: &impl Harness) {
    let (manager, other) = (host.manager().await, host.manager().await);
    let mut browser = new_session(&manager).await;
    let late = browser.start(&other, Optimistic).await.unwrap();
    late.increment("visits").await;
    browser.visit(&manager, Optimistic, async |session| session.set_user(Some("ann")).await.unwrap()).await.unwrap();
    refused_for(other.finish(late).await, "gone", &"the old session is dead");
    let visits = browser.visit(&manager, ReadOnly, async |session| session.count("visits").await).await.unwrap();
    assert_eq!(visits, Some(1));
    assert_eq!(host.store().await.sessions().await.len(), 1);
}

pub async fn users_have_1_to_256_bytes(host: &impl Harness) {
    let manager = host.manager().await;
    let (longest, too_long) = ("x".repeat(256), "x".repeat(257));
    for good in ["a", &longest, "\u{1F40C}", "../../etc", "Ann <ann@example.com>"] {
        let mut browser = Browser::new();
        browser.visit(&manager, Optimistic, async |session| session.set_user(Some(good)).await.unwrap()).await.unwrap();
        assert_eq!(user(&manager, &mut browser).await.as_deref(), Some(good));
        assert_eq!(manager.end_sessions_of(good).await.unwrap(), 1);
    }
    let session = Browser::new().start(&manager, Optimistic).await.unwrap();
    for bad in ["", &too_long] {
        refused_for(session.set_user(Some(bad)).await, "invalid-argument", &bad);
        refused_for(manager.end_sessions_of(bad).await, "invalid-argument", &bad);
    }
    assert_eq!(session.user().await, None);
}
