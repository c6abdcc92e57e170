//! Events that the component reports.

use std::fs;

use host_tests::host::Host;
use host_tests::tree::session_file;
use session_conformance::bindings::Access::{self, Optimistic};
use session_conformance::bindings::Contents;
use session_conformance::browser::{Browser, new_session};
use session_conformance::check::refused;
use session_conformance::client::{data, text};
use session_conformance::clock::{HOUR, MINUTE};
use session_conformance::harness::Harness;

const ID: &str = "session-1";

#[tokio::test]
async fn sessions_come_and_go() {
    let host = Host::new();
    let store = host.store().await;
    assert_eq!(host.events(), [""; 0]);
    store.create(Some(ID), &data("x")).await.unwrap();
    assert_eq!(host.events(), ["session-1 created"]);
    store.load(ID).await.unwrap().unwrap();
    store.save(ID, &data("y"), None).await.unwrap();
    store.touch(ID).await.unwrap();
    refused(store.create(Some(ID), &data("x")).await, "already-exists");
    assert_eq!(host.events(), [""; 0]);
    assert!(store.delete(ID).await.unwrap());
    assert_eq!(host.events(), ["session-1 destroyed"]);
    assert!(!store.delete(ID).await.unwrap());
    assert_eq!(host.events(), [""; 0]);
}

#[tokio::test]
async fn sessions_expire() {
    let host = Host::new();
    let store = host.store().await;
    for id in ["session-1", "session-2"] {
        store.create(Some(id), &Contents { idle_timeout: Some(MINUTE), ..data("x") }).await.unwrap();
    }
    host.events();
    host.clock().pass(HOUR);
    refused(store.save("session-1", &data("y"), None).await, "gone");
    assert_eq!(host.events(), ["session-1 expired"]);
    store.collect(1000, None).await.unwrap();
    assert_eq!(host.events(), ["session-2 expired"]);
}

#[tokio::test]
async fn files_are_damaged() {
    let host = Host::new();
    let store = host.store().await;
    store.create(Some(ID), &data("x")).await.unwrap();
    host.events();
    fs::write(session_file(host.path(), ID), "something else").unwrap();
    assert!(store.save(ID, &data("y"), None).await.is_err());
    assert_eq!(host.events(), ["session-1 corrupt"]);
}

async fn id(browser: &mut Browser, host: &Host) -> String {
    browser.look(&host.manager().await).await.unwrap()
}

#[tokio::test]
async fn users_log_in_and_out() {
    let host = Host::new();
    let manager = host.manager().await;
    let mut browser = new_session(&manager).await;
    let old = id(&mut browser, &host).await;
    assert_eq!(host.events(), [format!("{old} created")]);

    browser.visit(&manager, Optimistic, async |session| session.set_user(Some("ann")).await).await.unwrap().unwrap();
    let new = id(&mut browser, &host).await;
    let mut told = host.events();
    assert!(told.remove(0).starts_with("old-"), "the record of the old id");
    assert_eq!(told, [format!("{old} renewed {new}"), format!("{new} login")]);

    browser.visit(&manager, Optimistic, async |session| session.expire().await).await.unwrap().unwrap();
    let told = host.events();
    assert!(told.contains(&format!("{new} logout")) && told.contains(&format!("{new} destroyed")), "{told:?}");
}

#[tokio::test]
async fn requests_conflict() {
    let host = Host::new();
    let (manager, other) = (host.manager().await, host.manager().await);
    let mut browser = new_session(&manager).await;
    let id = id(&mut browser, &host).await;
    let (one, two) =
        (browser.start(&manager, Optimistic).await.unwrap(), browser.start(&other, Optimistic).await.unwrap());
    for (session, value) in [(&one, "1"), (&two, "2")] {
        session.get("visits").await;
        session.set("visits", &text(value)).await.unwrap();
    }
    host.events();
    manager.finish(one).await.unwrap();
    assert_eq!(host.events(), [""; 0]);
    assert!(other.finish(two).await.is_err());
    assert_eq!(host.events(), [format!("{id} conflict")]);
}

#[tokio::test]
async fn cookies_are_guessed_and_kept_too_long() {
    let host = Host::new();
    let manager = host.manager().await;
    let mut browser = new_session(&manager).await;
    let id = id(&mut browser, &host).await;
    let (name, _) = browser.cookies()[0].split_once('=').map(|(name, value)| (name.to_owned(), value.len())).unwrap();
    host.events();
    let zeros = "0".repeat(32);
    for (cookie, event) in [
        (format!("{id}.{zeros}"), format!("{id} wrong-secret")),
        (format!("{zeros}.{zeros}"), format!("{zeros} unknown-id")),
    ] {
        let mut thief = Browser::with(&name, &cookie);
        assert_eq!(thief.visit(&manager, Access::ReadOnly, async |session| session.id().await).await.unwrap(), None);
        assert_eq!(host.events(), [event]);
    }
}

/// A page view succeeds, and the failed touch is reported.
#[tokio::test]
async fn visits_cannot_be_noted() {
    let host = Host::new();
    let mut browser = new_session(&host.manager().await).await;
    let id = id(&mut browser, &host).await;
    host.clock().pass(2 * MINUTE);
    let read_only = Host::on(host.path()).at(host.clock().now()).read_only();
    let manager = read_only.manager().await;
    for _ in 0..2 {
        let seen = browser.visit(&manager, Optimistic, async |session| session.id().await).await.unwrap();
        assert_eq!(seen.as_deref(), Some(&id[..]));
        assert_eq!(read_only.events(), [format!("{id} touch-failed")]);
    }
    browser.visit(&host.manager().await, Optimistic, async |_| ()).await.unwrap();
    host.events();
    browser.visit(&manager, Optimistic, async |_| ()).await.unwrap();
    assert_eq!(read_only.events(), [""; 0], "it was touched a moment ago");
}

/// Events are meant for logs.
#[tokio::test]
async fn secrets_and_users_are_not_told() {
    let host = Host::new();
    let manager = host.manager().await;
    let mut browser = new_session(&manager).await;
    let mut secrets = vec![browser.cookie().split_once('.').unwrap().1.to_owned()];
    browser.visit(&manager, Optimistic, async |session| session.set_user(Some("ann")).await).await.unwrap().unwrap();
    secrets.push(browser.cookie().split_once('.').unwrap().1.to_owned());
    let told = host.events().join("\n");
    assert!(told.contains("login"), "{told}");
    assert!(!told.contains("ann") && !secrets.iter().any(|secret| told.contains(secret)), "{told}");
}
