//! Invalid ids, on every operation.

use host_tests::host::Host;
use host_tests::tree::tree;
use session_conformance::bindings::LockMode;
use session_conformance::check::refused_for;
use session_conformance::client::{Manager, Store, data, options};
use session_conformance::harness::Harness;

const ID: &str = "session-1";
const OTHER: &str = "session-2";

fn hostile() -> Vec<String> {
    let mut ids: Vec<String> = [
        "",
        "a",
        "1234567",
        ".",
        "..",
        "........",
        "../../etc/passwd",
        "/etc/passwd",
        "a/b/c/d/e",
        "session-1/",
        "./session-1",
        "session-1\0",
        "\0\0\0\0\0\0\0\0",
        "SESSION-1",
        "session\u{2010}1",
        "session\u{e9}1",
        "session 1",
        "session-1\n",
        "session.1",
        "session3.lock",
        "session3.store",
        "abcdefgh~1",
        "abcdefgh~0123456789abcdef",
        "session\\1",
        "c:session",
        "*session*",
        "%2e%2e%2fsession",
        "\u{202e}session",
        "\u{1F40C}\u{1F40C}",
    ]
    .map(String::from)
    .into();
    ids.extend(["x".repeat(129), "x".repeat(1 << 20), "../".repeat(1000)]);
    ids
}

async fn every_operation_refuses(store: &Store, manager: &Manager, id: &str) {
    let row = &id.chars().take(40).collect::<String>();
    let invalid = "invalid-id";
    refused_for(store.create(Some(id), &data("x")).await, invalid, row);
    refused_for(store.load(id).await, invalid, row);
    refused_for(store.save(id, &data("x"), None).await, invalid, row);
    refused_for(store.touch(id).await, invalid, row);
    refused_for(store.delete(id).await, invalid, row);
    refused_for(store.has(id).await, invalid, row);
    refused_for(store.rename(id, None).await, invalid, row);
    refused_for(store.rename(id, Some(OTHER)).await, invalid, row);
    refused_for(store.rename(ID, Some(id)).await, invalid, row);
    refused_for(store.lock(id, LockMode::Exclusive, Some(0)).await.map(drop), invalid, row);
    refused_for(store.lock(id, LockMode::Shared, Some(0)).await.map(drop), invalid, row);
    refused_for(store.iter(Some(id)).await.map(drop), invalid, row);
    let guard = store.lock_now(ID).await.unwrap();
    refused_for(guard.rename(Some(id)).await, invalid, row);
    guard.close().await;
    refused_for(manager.has(id).await, invalid, row);
    refused_for(manager.inspect(id).await, invalid, row);
    refused_for(manager.end(id).await, invalid, row);
}

#[tokio::test]
async fn are_refused_by_every_operation() {
    let host = Host::new();
    let store = host.store().await;
    let manager = Manager::open(store.instance(), ".", options(), &Default::default()).await.unwrap();
    store.create(Some(ID), &data("x")).await.unwrap();
    let before = tree(host.path());
    let open = store.instance().resources().await;
    for id in hostile() {
        every_operation_refuses(&store, &manager, &id).await;
    }
    assert_eq!(tree(host.path()), before, "nothing was written");
    assert_eq!(store.instance().resources().await, open, "nothing was left open");
}

#[tokio::test]
async fn are_not_repeated_in_the_text() {
    let host = Host::new();
    let store = host.store().await;
    let answer = store.load("SECRET-IN-THE-WRONG-PLACE").await;
    assert!(!format!("{answer:?}").contains("SECRET"), "{answer:?}");
}
