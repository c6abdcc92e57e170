//! A client hoards locks. Requests for other sessions do not wait.

use std::sync::Arc;

use host_tests::guest::adversary;
use host_tests::host::Host;
use host_tests::server::Server;
use host_tests::visitor::{Page, Visitor, request};
use reqwest::Method;
use session_conformance::bindings::Options;
use session_conformance::check::refused;
use session_conformance::client::{data, options};
use session_conformance::harness::Harness;
use session_conformance::wait::in_time;
use session_runtime::LockSpace;
use tokio::task::JoinSet;

const HOARDED: &str = "session-hoarded";
const OTHER: &str = "session-other";

/// One session is locked with a queue of waiters. The lock of the other is available without any wait.
#[tokio::test]
async fn one_session_delays_no_other() {
    let host = Host::new();
    let store = host.store().await;
    store.create(Some(HOARDED), &data("0")).await.unwrap();
    let hoarder = store.lock_now(HOARDED).await.unwrap();
    let impatient = host.store_with(Options { lock_wait: Some(0), ..options() }).await;
    let mut waiting = JoinSet::new();
    for _ in 0..50 {
        let store = host.store_with(Options { lock_wait: Some(60_000), ..options() }).await;
        waiting.spawn(async move { store.save(HOARDED, &data("x"), None).await.unwrap() });
    }
    tokio::task::yield_now().await;
    impatient.create(Some(OTHER), &data("0")).await.unwrap();
    for round in 2..20 {
        assert_eq!(impatient.save(OTHER, &data("x"), None).await.unwrap(), round);
        impatient.lock_now(OTHER).await.unwrap().close().await;
    }
    assert!(impatient.delete(OTHER).await.unwrap());
    refused(impatient.save(HOARDED, &data("x"), None).await, "busy");
    assert_eq!(impatient.text(HOARDED).await.as_deref(), Some("0"), "a reader does not wait at all");
    assert!(waiting.try_join_next().is_none());
    hoarder.close().await;
    let versions = in_time("the waiters are served", waiting.join_all()).await;
    assert_eq!(versions.len(), 50);
}

/// Requests of one session, as many as the maximum of instances, wait for its lock, held by another process. Only half
/// of the instances may wait: the rest serve other requests.
#[tokio::test]
async fn one_session_does_not_have_all_instances() {
    let server = Arc::new(Server::with(["--max-instances", "8"]));
    let [hoarder, other] = [Visitor::with_session(&server).await, Visitor::with_session(&server).await];
    let cookie = hoarder.cookie(&server);
    let id = hoarder.get(&server, "/").await.id().unwrap().to_owned();
    let space = LockSpace::machine(server.path().join("session3.lock")).unwrap();
    let lock = Host::on(server.path()).with_locks(space).store().await.lock_now(&id).await.unwrap();

    let mut requests = JoinSet::new();
    for _ in 0..20 {
        let request = request(&server, Method::POST, "/increment").header("cookie", &cookie);
        requests.spawn(Page::of(request));
    }
    // One waits for the other process, four behind it.
    for _ in 5..20 {
        let refused = in_time("the others are refused", requests.join_next()).await.unwrap().unwrap();
        assert_eq!((refused.status, refused.fields("retry-after")), (503, vec!["1"]), "{refused:?}");
        assert!(refused.text.contains("Your session is busy"), "{refused:?}");
    }
    for count in 1..=3 {
        assert_eq!(other.post(&server, "/increment", &[]).await.counter(), count);
    }
    assert!(requests.try_join_next().is_none(), "they are still waiting");
    lock.close().await;
    for served in in_time("the waiters are served", requests.join_all()).await {
        assert_eq!(served.status, 303, "{served:?}");
    }
    assert_eq!(hoarder.get(&server, "/").await.counter(), 5);
}

/// An instance that takes locks until it is refused gets 64. They are released when it times out.
#[tokio::test]
async fn an_instance_has_its_share_of_locks_for_its_time() {
    let server = Server::of(adversary(), ["--timeout", "1"]);
    let page = |path| in_time("a response", Page::of(request(&server, Method::GET, path)));
    assert_eq!(page("/locks").await.text, "64");
    assert_eq!(page("/hold").await.status, 504);
    assert_eq!(page("/locks").await.text, "64", "the response releases them");
}
