//! A component exhausts its resources in all instances but one. Its usage is bounded, and the last instance is served.

use std::sync::Arc;

use host_tests::guest::adversary;
use host_tests::raw::Client;
use host_tests::server::Server;
use host_tests::visitor::{Page, request};
use reqwest::Method;
use tokio::task::JoinSet;

const OPTIONS: [&str; 6] = ["--max-instances", "9", "--memory-limit", "16MiB", "--timeout", "3"];
const INSTANCES: u64 = 9;
/// In KiB; doubled for the host's overhead per instance.
const MEMORY: u64 = 2 * 16 * 1024;

async fn status(server: &Server, path: &str) -> u16 {
    Page::of(request(server, Method::GET, path)).await.status
}

async fn text(server: &Server, path: &str) -> String {
    Page::of(request(server, Method::GET, path)).await.text
}

/// All instances but one do this and end with this status. Other requests are served before, during and after.
async fn greedy(server: &Arc<Server>, path: &'static str, expected: u16) {
    let mut greedy = JoinSet::new();
    for _ in 1..INSTANCES {
        let server = server.clone();
        greedy.spawn(async move { status(&server, path).await });
    }
    let mut served = 0;
    while !greedy.is_empty() {
        while let Some(ended) = greedy.try_join_next() {
            assert_eq!(ended.unwrap(), expected, "{path}");
        }
        assert_eq!(text(server, "/fine").await, "fine", "beside {path}");
        served += 1;
    }
    let (now, most) = server.memory();
    println!("{} x {path}: {expected}; {served} others served; {now} KiB, {most} KiB at most so far", INSTANCES - 1);
}

#[tokio::test]
async fn all_that_it_may_take_at_once() {
    let server = Arc::new(Server::of(adversary(), OPTIONS));
    assert_eq!(text(&server, "/fine").await, "fine");
    let (before, _) = server.memory();
    let rows = [
        ("/loop", 504),
        ("/wait", 504),
        ("/recurse", 500),
        ("/allocate", 500),
        ("/open-all", 500),
        ("/fields", 500),
        ("/pollables", 500),
        ("/random", 500),
        ("/nothing", 500),
    ];
    for (path, expected) in rows {
        greedy(&server, path, expected).await;
    }
    let (_, most) = server.memory();
    assert!(most - before <= INSTANCES * MEMORY, "{before} KiB, then {most} KiB");
}

/// Files are limited per instance: of 2048, 1000 are for connections.
#[tokio::test]
async fn all_files_that_it_may_open() {
    let server = Arc::new(Server::of_with_file_limit(2048, adversary(), OPTIONS));
    assert_eq!(text(&server, "/open-some").await, "50", "enough for modest use");
    greedy(&server, "/open-all", 500).await;
    let open = server.open_files();
    assert!(open < 200, "all are closed: {open}");
}

/// A response that never finishes. No client mistakes the part for the whole.
#[tokio::test]
async fn an_answer_that_does_not_end() {
    let server = Server::of(adversary(), OPTIONS);
    let (before, _) = server.memory();
    for path in ["/cut", "/body"] {
        let head = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        let answer = Client::begin(&server, &head).await.rest().await;
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.contains("chunked"), "{path}");
        assert!(!answer.ends_with("\r\n0\r\n\r\n"), "{path}: no last chunk");
        println!("{path}: {} KiB of a response", answer.len() / 1024);
    }
    let (_, most) = server.memory();
    println!("an endless response: {before} KiB, then {most} KiB at most");
    assert!(most - before <= 64 * 1024, "{before} KiB, then {most} KiB");
}
