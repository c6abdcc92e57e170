//! Clients that never finish sending a request or reading the response.

use host_tests::guest::adversary;
use host_tests::raw::{Client, raise_file_limit};
use host_tests::server::Server;
use host_tests::visitor::{Page, Visitor, request};
use reqwest::Method;
use session_conformance::wait::in_time;
use tokio::task::JoinSet;

/// Over the server's maximum.
const CONNECTIONS: usize = 1100;

const MIB: usize = 1 << 20;

/// They hold all connections until the timeout; then the waiting clients are served.
#[tokio::test]
async fn heads_that_never_end() {
    raise_file_limit();
    let server = Server::with(["--head-timeout", "1"]);
    let (before, _) = server.memory();
    let mut slow = JoinSet::new();
    for _ in 0..CONNECTIONS {
        slow.spawn(Client::begin(&server, "GET / HTTP/1.1\r\nHost: localhost\r\nSlow: ").await.drip());
    }
    let visitor = Visitor::new();
    let page = in_time("others are served", visitor.post(&server, "/increment", &[])).await;
    assert_eq!(page.counter(), 1);
    let answers = slow.join_all().await;
    let said = answers.iter().find(|answer| !answer.is_empty() && !answer.starts_with("HTTP/1.1 408 "));
    assert_eq!(said, None, "no request has been answered");
    let (_, most) = server.memory();
    println!("{CONNECTIONS} clients that drip heads: {before} KiB, then {most} KiB at most");
    assert!(most - before <= 64 * 1024, "{before} KiB, then {most} KiB");
}

#[tokio::test]
async fn heads_without_end() {
    let server = Server::new();
    let head = format!("GET / HTTP/1.1\r\nHost: localhost\r\nLong: {}", "x".repeat(65 * 1024));
    let answer = Client::begin(&server, &head).await.rest().await;
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
}

const FORM: &str = "POST /login HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 1000\r\n\r\n";
const CONTINUE: &str = "HTTP/1.1 100 Continue\r\n\r\n";

/// Many more than the maximum of instances, and none is cut off.
#[tokio::test]
async fn bodies_that_never_end_hold_up_nobody() {
    let server = Server::with(["--body-timeout", "3600", "--max-instances", "2"]);
    let mut slow = JoinSet::new();
    for _ in 0..100 {
        let mut client = Client::begin(&server, FORM).await;
        client.hear(CONTINUE).await;
        slow.spawn(client.drip());
    }
    let visitor = Visitor::new();
    assert_eq!(visitor.post(&server, "/login", &[("user", "ann")]).await.status, 200);
    assert_eq!(visitor.post(&server, "/increment", &[]).await.counter(), 1);
    assert!(slow.try_join_next().is_none(), "none is cut off");
}

#[tokio::test]
async fn bodies_that_never_end_are_refused() {
    let server = Server::with(["--body-timeout", "1"]);
    let mut client = Client::begin(&server, FORM).await;
    client.hear(CONTINUE).await;
    let answer = client.drip().await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert!(answer.ends_with("The request took too long to arrive.\n"), "{answer}");
}

#[tokio::test]
async fn bodies_that_are_too_long() {
    let server = Server::of(adversary(), []);
    let post = |fields: &str, body: &str| {
        format!("POST /upload HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{fields}\r\n\r\n{body}")
    };
    let chunk = |length: usize| format!("{length:x}\r\n{}\r\n0\r\n\r\n", "x".repeat(length));
    let [whole, more] = [MIB, MIB + 1].map(|length| format!("Content-Length: {length}"));
    let [huge, chunked] = ["Expect: 100-continue\r\nContent-Length: 999999999999", "Transfer-Encoding: chunked"];
    let rows = [
        (post(&whole, &"x".repeat(MIB)), "200", "1048576"),
        (post(chunked, &chunk(MIB)), "200", "1048576"),
        // Refused before the body arrives.
        (post(&more, ""), "413", "The request is too long.\n"),
        (post(huge, ""), "413", "The request is too long.\n"),
        (post(chunked, &chunk(MIB + 1)), "413", "The request is too long.\n"),
        (post(chunked, "no length\r\n"), "400", "The request did not arrive in full.\n"),
    ];
    for (request, status, text) in rows {
        let answer = Client::begin(&server, &request).await.rest().await;
        let sent = &request[..request.len().min(200)];
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{sent}: {answer}");
        assert!(answer.contains(text), "{sent}: {answer}");
    }
}

/// The only instance writes to a client that reads nothing, or a byte now and then, until it is cut off.
#[tokio::test]
async fn answers_that_nobody_takes() {
    let server = Server::of(adversary(), ["--send-timeout", "1", "--timeout", "3600", "--max-instances", "1"]);
    let (before, _) = server.memory();
    for sips in [false, true] {
        let mut client = Client::begin(&server, "GET /body HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
        client.hear("HTTP/1.1 200 OK").await;
        let kept = if sips { Err(tokio::spawn(client.sip())) } else { Ok(client) };
        // Until then the response is 503.
        let free = async { while Page::of(request(&server, Method::GET, "/fine")).await.status != 200 {} };
        in_time("the instance is free again", free).await;
        drop(kept);
    }
    let (_, most) = server.memory();
    println!("endless responses that are not read: {before} KiB, then {most} KiB at most");
    assert!(most - before <= 64 * 1024, "{before} KiB, then {most} KiB");
}

/// The only instance holds a lock while it writes a page. It finishes and releases both before a client reads a byte.
#[tokio::test]
async fn pages_that_nobody_takes_keep_no_lock() {
    let server = Server::of(adversary(), ["--send-timeout", "3600", "--timeout", "3600", "--max-instances", "1"]);
    let mut slow = Vec::new();
    for _ in 0..20 {
        let mut client = Client::with_small_window(&server).await;
        client.send("GET /locked-page HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await;
        client.is_spoken_to().await;
        slow.push(client);
    }
    let page = in_time("others are served", Page::of(request(&server, Method::GET, "/locked-page"))).await;
    assert_eq!((page.status, page.text.len()), (200, 900 << 10));
}

/// More than the server buffers responses for: after 64 MiB, each instance waits for its own client.
#[tokio::test]
async fn pages_that_nobody_takes_are_bounded() {
    const CLIENTS: usize = 200;
    let server = Server::of(adversary(), ["--send-timeout", "3600", "--timeout", "2"]);
    let (before, _) = server.memory();
    let mut slow = Vec::new();
    for _ in 0..CLIENTS {
        let mut client = Client::with_small_window(&server).await;
        client.send("GET /page HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
        client.is_spoken_to().await;
        slow.push(client);
    }
    let fine = in_time("others are served", Page::of(request(&server, Method::GET, "/fine"))).await;
    assert_eq!(fine.text, "fine");
    let page = in_time("and with pages", Page::of(request(&server, Method::GET, "/page"))).await;
    assert_eq!((page.status, page.text.len()), (200, 900 << 10));
    let (_, most) = server.memory();
    println!("{CLIENTS} clients that do not read pages of 900 KiB: {before} KiB, then {most} KiB at most");
    assert!(most - before <= 160 * 1024, "{before} KiB, then {most} KiB");
}
