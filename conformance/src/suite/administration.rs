//! Managing sessions by id, without their cookies.

use crate::bindings::Access::{Optimistic, ReadOnly};
use crate::browser::{Browser, new_session, set_cookies};
use crate::check::{refused, refused_for};
use crate::client::{Manager, data, text};
use crate::clock::{HOUR, MINUTE};
use crate::harness::Harness;

const UNKNOWN: &str = "00000000000000000000000000000000";

async fn login(manager: &Manager, user: &str) -> (Browser, String) {
    let mut browser = Browser::new();
    browser.visit(manager, Optimistic, async |session| session.set_user(Some(user)).await.unwrap()).await.unwrap();
    let id = browser.look(manager).await.unwrap();
    (browser, id)
}

pub async fn a_session_is_known_by_its_id(host: &impl Harness) {
    let manager = host.manager().await;
    let (_, id) = login(&manager, "ann").await;
    assert!(manager.has(&id).await.unwrap());
    assert!(!manager.has(UNKNOWN).await.unwrap());
    host.clock().pass(HOUR);
    assert!(!manager.has(&id).await.unwrap());
}

pub async fn a_session_is_inspected_read_only(host: &impl Harness) {
    let manager = host.manager().await;
    let (mut browser, id) = login(&manager, "ann").await;
    let session = manager.inspect(&id).await.unwrap().unwrap();
    assert_eq!((session.id().await, session.user().await.as_deref()), (Some(id.clone()), Some("ann")));
    refused(session.set("a", &text("x")).await, "access-denied");
    refused(session.expire().await, "access-denied");
    assert!(manager.inspect(UNKNOWN).await.unwrap().is_none());
    assert_eq!(browser.look(&manager).await, Some(id));
}

pub async fn an_inspection_is_no_use(host: &impl Harness) {
    let manager = host.manager().await;
    let (_, id) = login(&manager, "ann").await;
    for _ in 0..2 {
        host.clock().pass(14 * MINUTE);
        let session = manager.inspect(&id).await.unwrap().unwrap();
        assert!(manager.finish(session).await.is_ok_and(|fields| set_cookies(&fields).is_empty()));
    }
    host.clock().pass(2 * MINUTE);
    assert!(manager.inspect(&id).await.unwrap().is_none());
}

pub async fn data_of_others_is_not_a_session(host: &impl Harness) {
    let manager = host.manager().await;
    let store = host.store().await;
    for bytes in [&b""[..], b"x", b"\0\0\0\0", &[0xff; 1000], b"{\"user\":\"ann\"}"] {
        let id = store.create(None, &data(bytes)).await.unwrap().id;
        refused_for(manager.inspect(&id).await, "corrupt", &bytes);
        assert!(store.has(&id).await.unwrap(), "not a session of the manager");
        let session = manager.start(&[format!("__Host-session={id}")], None, ReadOnly).await.unwrap();
        assert_eq!(session.id().await, None);
    }
}

pub async fn a_session_is_ended_by_its_id(host: &impl Harness) {
    let (manager, other) = (host.manager().await, host.manager().await);
    let (mut browser, id) = login(&manager, "ann").await;
    assert!(other.end(&id).await.unwrap());
    assert!(!other.end(&id).await.unwrap());
    assert!(!manager.has(&id).await.unwrap());
    assert!(browser.look(&manager).await.is_none());
}

pub async fn a_user_is_logged_out_everywhere(host: &impl Harness) {
    let (manager, other) = (host.manager().await, host.manager().await);
    let mut of_ann = Vec::new();
    for _ in 0..5 {
        of_ann.push(login(&manager, "ann").await.0);
    }
    let (mut bob, _) = login(&manager, "bob").await;
    let mut nobody = new_session(&manager).await;
    assert_eq!(other.end_sessions_of("ann").await.unwrap(), 5);
    assert_eq!(other.end_sessions_of("ann").await.unwrap(), 0);
    for browser in &mut of_ann {
        assert!(browser.look(&manager).await.is_none());
    }
    assert!(bob.look(&manager).await.is_some() && nobody.look(&manager).await.is_some());
}

pub async fn ids_are_checked(host: &impl Harness) {
    let manager = host.manager().await;
    for id in ["", "short", "../../etc/passwd", "UPPERCASE", "nul\0nul\0", &"x".repeat(129)] {
        refused_for(manager.has(id).await, "invalid-id", &id);
        refused_for(manager.inspect(id).await, "invalid-id", &id);
        refused_for(manager.end(id).await, "invalid-id", &id);
    }
}
