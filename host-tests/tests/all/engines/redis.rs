//! Sessions on Redis: one server, and a cluster.

use std::fs;
use std::time::{Duration, Instant};

use host_tests::redis::{Cluster, Redis};
use host_tests::server::Server;
use host_tests::visitor::Visitor;
use session_conformance::Harness;
use session_conformance::client::data;
use session_runtime::engines::redis::RedisBuilder;
use tokio::task::JoinSet;

use super::{application, back_end, conforms, run};

#[test]
fn it_conforms() {
    let redis = Redis::new();
    println!("{}", conforms(&RedisBuilder::new(&redis.url()).unwrap().build()));
}

#[tokio::test]
async fn other_processes_reach_it() {
    let redis = Redis::new();
    let store = back_end(&RedisBuilder::new(&redis.url()).unwrap().build()).store().await;
    assert_eq!((store.is_multiprocess_safe().await, store.is_thread_safe().await), (true, true));
}

#[tokio::test]
async fn four_servers_lose_no_increment() {
    let redis = Redis::new();
    application::four_servers_lose_no_increment(&redis.url()).await;
}

#[tokio::test]
async fn a_logout_on_one_server_is_one_on_all() {
    let redis = Redis::new();
    application::a_logout_on_one_server_is_one_on_all(&redis.url()).await;
}

#[tokio::test]
async fn a_restart_loses_no_session() {
    let mut redis = Redis::new();
    let url = redis.url();
    application::a_restart_loses_no_session(&mut redis, &url, Redis::kill, Redis::restart).await;
}

#[tokio::test]
async fn administration() {
    let redis = Redis::new();
    let url = redis.url();
    application::administration(&url, &url, &format!("{url}?prefix=other")).await;
}

/// Three masters with a replica each: a rename goes from one to another, and names wait for a replica.
#[test]
fn a_cluster_conforms() {
    let cluster = Cluster::new();
    println!("{}", conforms(&RedisBuilder::new(&cluster.url()).unwrap().build()));
}

/// A creation waits for a replica, which holds up its connection. Those that come meanwhile are sent together, with one
/// wait for all.
#[tokio::test(flavor = "multi_thread")]
async fn creations_share_a_wait() {
    const CLIENTS: usize = 64;
    let cluster = Cluster::new();
    let host = back_end(&RedisBuilder::new(&cluster.url()).unwrap().build());
    let waits = || cluster.nodes().iter().map(|node| node.calls_of("wait")).sum::<u64>();
    let mut stores = Vec::new();
    for number in 0..CLIENTS {
        let store = host.store().await;
        store.create(Some(&format!("first-{number:04}")), &data("1")).await.unwrap();
        stores.push(store);
    }
    let before = waits();
    assert!(before >= CLIENTS as u64, "{before} waits of clients one after another");
    let masters = &cluster.nodes()[..3];
    masters.iter().for_each(Redis::suspend);
    let mut clients = JoinSet::new();
    for (number, store) in stores.into_iter().enumerate() {
        clients.spawn(async move { store.create(Some(&format!("second-{number:04}")), &data("1")).await });
    }
    masters[0].suspend_for(Duration::from_millis(300));
    masters.iter().for_each(Redis::resume);
    while let Some(created) = clients.join_next().await {
        created.unwrap().unwrap();
    }
    let together = waits() - before;
    assert!(together <= CLIENTS as u64 / 4, "{together} waits of {CLIENTS} clients at once");
}

/// The master of a session is killed while it is used: the requests of these seconds wait for the replica to take over,
/// and all that was acknowledged is there.
#[tokio::test]
async fn a_fail_over_loses_no_acknowledged_increment() {
    let mut cluster = Cluster::new();
    let server = Server::on_store(&cluster.url(), ["--store-timeout", "20"]);
    let visitor = Visitor::new();
    let id = visitor.post(&server, "/login", &[("user", "alice")]).await.id().unwrap().to_owned();
    for _ in 0..10 {
        visitor.post(&server, "/increment", &[]).await;
    }
    cluster.master_of(&id).kill();
    let start = Instant::now();
    assert_eq!(visitor.post(&server, "/increment", &[]).await.status, 200);
    println!("a fail-over takes {:?}", start.elapsed());
    for _ in 0..10 {
        assert_eq!(visitor.post(&server, "/increment", &[]).await.status, 200);
    }
    assert_eq!(visitor.get(&server, "/").await.counter(), 21);
}

/// Each mistake has a line that says what to do, and the line does not contain the password.
#[test]
fn mistakes() {
    let redis = Redis::with_password("s3cret");
    let url = redis.url();
    let with = |user: &str| url.replacen("redis://", &format!("redis://{user}@"), 1);
    let (wrong, right) = (with(":s3cretive"), with(":s3cret"));
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), "s3cret\n").unwrap();
    let file = file.path().to_str().unwrap();
    for (arguments, code, text) in [
        (&["--store", "http://:s3cret@localhost"][..], 1, "--store is none of redis://HOST"),
        (&["--store", "redis://:s3cret@localhost:port"], 1, "--store is no URL"),
        (&["--store", "redis-cluster://:s3cret@a,,b"], 1, "--store is no URL"),
        (&["--store", "memory:"], 1, "out of reach"),
        (&["--store", "file:"], 1, "needs a directory"),
        (&["--store", "file:missing", "--store-password-file", file], 1, "is for a server"),
        (&["--store", &url], 1, "not allowed"),
        (&["--store", &wrong], 1, "not allowed"),
        (&["--store", &right], 1, "there is no session store"),
        (&["--store", &url, "--store-password-file", file], 1, "there is no session store"),
        (&["--store", &url, "--store-password-file", "missing"], 1, "cannot read the password in missing"),
        (&["--store", "redis://127.0.0.1:1", "--store-timeout", "1"], 1, "cannot be reached"),
        (&["--store", &url, "--dir", "x"], 2, "cannot be used with"),
        (&["--store-password-file", file], 2, "--store"),
    ] {
        let output = run(["ls"].into_iter().chain(arguments.iter().copied()));
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
        assert!(said.contains(text), "{arguments:?}: {said}");
        assert!(!said.contains("s3cret"), "{said}");
    }
}

/// One server cannot exclude the others from a store on a server.
#[test]
fn a_store_on_a_server_is_for_all_processes() {
    let output = run(["demo", "--store", "redis://127.0.0.1:1", "--scope", "process"]);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("--scope process is for a directory"), "{said}");
}

/// A server of requests that cannot reach the server of sessions does not start.
#[test]
fn a_server_waits_for_its_store_and_then_gives_up() {
    let start = Instant::now();
    let output = run(["demo", "--listen", "127.0.0.1:0", "--store", "redis://127.0.0.1:1", "--store-timeout", "1"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(start.elapsed() >= Duration::from_secs(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.contains("cannot use redis://127.0.0.1:1: the server that keeps the sessions cannot be reached"),
        "{said}"
    );
}
