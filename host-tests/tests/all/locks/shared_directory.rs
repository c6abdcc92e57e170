//! `session3` on a directory shared with hosts without their own locks: it locks as they do.

use std::fs;

use host_tests::bundles;
use host_tests::command::session3;
use host_tests::server::{Server, private_directory};
use host_tests::visitor::Visitor;
use session_conformance::bindings::LockMode;
use session_conformance::client::data;
use session_conformance::harness::Harness;
use session_conformance::{BackEnd, Component};

const ID: &str = "session-1";

fn standalone() -> Component {
    Component::new(&fs::read(bundles::session_store_standalone()).unwrap()).unwrap()
}

#[tokio::test]
async fn its_commands_respect_lock_files() {
    let directory = private_directory();
    let host = BackEnd::new(&standalone()).on(directory.path());
    let store = host.store().await;
    store.create(Some(ID), &data("1")).await.unwrap();
    let guard = store.lock(ID, LockMode::Exclusive, None).await.unwrap();
    let remove = || session3(["rm", ID, "--dir"]).arg(directory.path()).output().unwrap();
    let refused = remove();
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(!refused.status.success() && said.contains("another process holds the session"), "{said}");
    guard.close().await;
    let removed = remove();
    assert!(removed.status.success(), "{}", String::from_utf8_lossy(&removed.stderr));
    assert!(!store.has(ID).await.unwrap());
    assert!(!directory.path().join("session3.lock").exists());
}

#[tokio::test]
async fn its_server_does_too_and_says_so() {
    let directory = private_directory();
    BackEnd::new(&standalone()).on(directory.path()).store().await;
    assert!(directory.path().join("locks").is_dir());
    let server = Server::on(directory.path());
    let visitor = Visitor::with_session(&server).await;
    visitor.post(&server, "/increment", &[]).await;
    assert!(server.log().contains("other hosts use lock files"), "{}", server.log());
    assert!(!directory.path().join("session3.lock").exists());
}
