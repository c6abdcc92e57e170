//! Stores that the host implements, on a server: the whole contract, through the component `host-store`, and what the
//! command does with them.

use std::fs;
use std::process::Output;
use std::sync::Arc;
use std::time::{Duration, Instant};

use host_tests::command::session3;
use host_tests::host::component_path;
use host_tests::redis::{Cluster, Redis};
use host_tests::server::{Server, private_directory};
use host_tests::visitor::{Visitor, request};
use reqwest::{Method, StatusCode};
use serde_json::Value;
use session_conformance::{BackEnd, Component, Harness, Report};
use session_runtime::engines::SharedEngine;
use session_runtime::engines::memory::Memory;
use session_runtime::engines::redis::RedisBuilder;
use tokio::task::JoinSet;

pub fn conforms(engine: &SharedEngine) -> Report {
    let wasm = fs::read(component_path().with_file_name("host_store.wasm")).unwrap();
    let component = Component::new(&wasm).unwrap();
    session_conformance::run(|| BackEnd::on_engine(&component, engine)).unwrap()
}

#[test]
fn an_engine_in_memory_conforms() {
    println!("{}", conforms(&SharedEngine::new(Memory::default())));
}

#[tokio::test]
async fn only_a_server_is_shared_by_processes() {
    let redis = Redis::new();
    for (engine, is_shared) in
        [(SharedEngine::new(Memory::default()), false), (RedisBuilder::new(&redis.url()).unwrap().build(), true)]
    {
        let wasm = fs::read(component_path().with_file_name("host_store.wasm")).unwrap();
        let store = BackEnd::on_engine(&Component::new(&wasm).unwrap(), &engine).store().await;
        assert_eq!((store.is_multiprocess_safe().await, store.is_thread_safe().await), (is_shared, true));
    }
}

#[test]
fn redis_conforms() {
    let redis = Redis::new();
    println!("{}", conforms(&RedisBuilder::new(&redis.url()).unwrap().build()));
}

/// Three masters with a replica each: a rename goes from one to another, and names wait for a replica.
#[test]
fn a_cluster_conforms() {
    let cluster = Cluster::new();
    println!("{}", conforms(&RedisBuilder::new(&cluster.url()).unwrap().build()));
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

/// Four servers, as on four machines: 800 increments of one session through all of them give 800.
#[tokio::test]
async fn four_servers_on_one_redis_lose_no_increment() {
    const SERVERS: usize = 4;
    let redis = Redis::new();
    let servers: Arc<Vec<_>> = Arc::new((0..SERVERS).map(|_| Server::on_store(&redis.url(), [])).collect());
    let visitor = Visitor::with_session(&servers[0]).await;
    let cookie = visitor.cookie(&servers[0]);
    let mut workers = JoinSet::new();
    for worker in 0..SERVERS {
        let (servers, cookie) = (servers.clone(), cookie.clone());
        workers.spawn(async move {
            for index in 0..200 {
                let server = &servers[(worker + index) % SERVERS];
                let sent = request(server, Method::POST, "/increment").header("cookie", &cookie).send().await;
                assert_eq!(sent.unwrap().status(), StatusCode::SEE_OTHER);
            }
        });
    }
    while let Some(worker) = workers.join_next().await {
        worker.unwrap();
    }
    for server in &servers[..] {
        assert_eq!(visitor.get(server, "/").await.counter(), 800);
    }
}

#[tokio::test]
async fn a_logout_on_one_server_is_one_on_all() {
    let redis = Redis::new();
    let [one, two] = [Server::on_store(&redis.url(), []), Server::on_store(&redis.url(), [])];
    let visitor = Visitor::new();
    let id = visitor.post(&one, "/login", &[("user", "alice")]).await.id().map(str::to_owned);
    assert!(id.is_some());
    assert_eq!(visitor.get(&two, "/").await.id(), id.as_deref());
    let cookie = visitor.cookie(&one);
    visitor.post(&two, "/logout", &[]).await;
    let late = Visitor::new();
    late.take_cookie(&one, &cookie);
    assert_eq!(late.get(&one, "/").await.id(), None);
}

/// While the server of the sessions is down, requests get 503 and say when to come back. Sessions are there again when it
/// is.
#[tokio::test]
async fn a_restart_of_redis_loses_no_session() {
    let mut redis = Redis::new();
    let server = Server::on_store(&redis.url(), ["--store-timeout", "1"]);
    let visitor = Visitor::with_session(&server).await;
    visitor.post(&server, "/increment", &[]).await;
    let cookie = visitor.cookie(&server);
    redis.kill();
    let answer = request(&server, Method::GET, "/").header("cookie", &cookie).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(answer.headers().contains_key("retry-after"));
    redis.restart();
    assert_eq!(visitor.get(&server, "/").await.counter(), 1);
    visitor.post(&server, "/increment", &[]).await;
    assert_eq!(visitor.get(&server, "/").await.counter(), 2);
}

fn run<'a>(arguments: impl IntoIterator<Item = &'a str>) -> Output {
    session3(arguments).env_remove("SESSION3_STORE_PASSWORD").output().unwrap()
}

fn stdout(output: &Output) -> &str {
    assert!(output.status.success(), "{output:?}");
    std::str::from_utf8(&output.stdout).unwrap()
}

#[tokio::test]
async fn the_administration_of_sessions_on_redis() {
    let redis = Redis::new();
    let url = redis.url();
    let nothing = run(["ls", "--store", &url]);
    assert_eq!(nothing.status.code(), Some(1));
    let said = String::from_utf8(nothing.stderr).unwrap();
    assert!(said.contains(&format!("there is no session store on {url}")), "{said}");

    let server = Server::on_store(&url, []);
    let visitor = Visitor::new();
    let id = visitor.post(&server, "/login", &[("user", "alice")]).await.id().unwrap().to_owned();
    Visitor::with_session(&server).await;
    let listed = run(["ls", "--json", "--store", &url]);
    assert_eq!(stdout(&listed).lines().count(), 2);
    let listed = run(["ls", "--json", "--owner", "alice", "--store", &url]);
    let listed: Value = serde_json::from_str(stdout(&listed)).unwrap();
    assert_eq!((&listed["id"], &listed["owner"]), (&Value::from(id.as_str()), &Value::from("alice")));
    let shown: Value = serde_json::from_str(stdout(&run(["show", &id, "--json", "--store", &url]))).unwrap();
    assert_eq!(shown["user"], "alice");
    let stats: Value = serde_json::from_str(stdout(&run(["stats", "--json", "--store", &url]))).unwrap();
    assert_eq!((&stats["sessions"], &stats["owned"]), (&Value::from(2), &Value::from(1)));
    stdout(&run(["gc", "--store", &url]));
    stdout(&run(["rm", &id, "--store", &url]));
    assert_eq!(visitor.get(&server, "/").await.id(), None);
    // Another prefix is another store.
    assert_eq!(run(["ls", "--store", &format!("{url}?prefix=other")]).status.code(), Some(1));
}

/// Each mistake has a line that says what to do, and the line does not contain the password.
#[test]
fn mistakes_with_a_store() {
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

/// `file:DIR` is `--dir DIR`: a command that finds no store there leaves nothing behind.
#[test]
fn a_directory_without_a_store_stays_as_it_is() {
    let directory = private_directory();
    let store = format!("file:{}", directory.path().display());
    let output = run(["rm", "session-1", "--store", &store]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(said.contains("there is no session store in"), "{said}");
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
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
