//! Connections: how long they wait, and how they end.

use std::time::Instant;

use host_tests::guest::adversary;
use host_tests::raw::Client;
use host_tests::server::Server;
use host_tests::visitor::{Page, Visitor, request};
use reqwest::Method;
use session_conformance::wait::{PATIENCE, PAUSE, in_time};

const GET: &str = "GET /style.css HTTP/1.1\r\nHost: localhost\r\n\r\n";
const HALF_A_HEAD: &str = "GET /style.css HTTP/1.1\r\nHost: loc";

/// One of the timeouts is short; the others never fire.
fn impatient(option: &'static str) -> Server {
    let options = ["--idle-timeout", "--head-timeout", "--body-timeout", "--send-timeout"];
    Server::with(options.into_iter().flat_map(|name| [name, if name == option { "1" } else { "3600" }]))
}

/// Sends the rest of `HALF_A_HEAD`, and expects a response.
async fn assert_is_served(mut client: Client) {
    client.send("alhost\r\nConnection: close\r\n\r\n").await;
    // After the rest of a previous response, if any.
    let answer = client.rest().await;
    assert!(answer.contains("HTTP/1.1 200 "), "{answer}");
}

#[tokio::test]
async fn a_connection_that_is_not_used_is_closed_quietly() {
    let server = impatient("--idle-timeout");
    let slow = Client::begin(&server, HALF_A_HEAD).await;
    let kept = Client::begin(&server, GET).await.rest().await;
    assert!(kept.starts_with("HTTP/1.1 200 ") && kept.matches("HTTP/1.1").count() == 1, "{kept}");
    assert_eq!(Client::connect(&server).await.rest().await, "", "without any request");
    assert_is_served(slow).await;
}

#[tokio::test]
async fn a_head_has_a_time_of_its_own() {
    let server = impatient("--head-timeout");
    let mut idle = Client::begin(&server, GET).await;
    idle.hear("HTTP/1.1 200 OK").await;
    let mut second = Client::begin(&server, GET).await;
    second.hear("HTTP/1.1 200 OK").await;
    second.send(HALF_A_HEAD).await;
    for slow in [Client::begin(&server, HALF_A_HEAD).await, second] {
        let answer = slow.rest().await;
        assert!(answer.contains("HTTP/1.1 408 ") && answer.contains("connection: close\r\n"), "{answer}");
    }
    idle.send(HALF_A_HEAD).await;
    assert_is_served(idle).await;
}

#[tokio::test]
async fn a_body_has_a_time_of_its_own() {
    let server = impatient("--body-timeout");
    let (slow, idle) = (Client::begin(&server, HALF_A_HEAD).await, Client::connect(&server).await);
    let post = "POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nuser=";
    let answer = Client::begin(&server, post).await.rest().await;
    assert!(answer.starts_with("HTTP/1.1 408 ") && answer.contains("connection: close\r\n"), "{answer}");
    assert_is_served(slow).await;
    let mut idle = idle;
    idle.send(HALF_A_HEAD).await;
    assert_is_served(idle).await;
}

/// Clients that write the whole request before they read lose the response if the connection is reset.
#[tokio::test]
async fn a_refusal_reaches_a_client_that_writes_first() {
    const LENGTH: usize = 8 << 20;
    let server = Server::with(["--body-timeout", "1"]);
    let chunk = format!("{:x}\r\n{}\r\n", 1 << 16, "x".repeat(1 << 16));
    let body = "x".repeat(LENGTH);
    let (length, chunked) = (format!("Content-Length: {LENGTH}"), "Transfer-Encoding: chunked".to_owned());
    let rows = [
        ("too long", &length, String::new(), body.clone(), "413"),
        ("too long, as it turns out", &chunked, String::new(), chunk.repeat(LENGTH >> 16), "413"),
        ("no chunk", &chunked, chunk, "no chunk\r\n".repeat(LENGTH / 10), "400"),
    ];
    for (what, field, first, rest, status) in rows {
        let head = format!("POST /login HTTP/1.1\r\nHost: localhost\r\n{field}\r\n\r\n{first}");
        let mut client = Client::begin(&server, &head).await;
        client.send(&rest).await;
        assert_is_last(what, &client.rest().await, status);
    }
    // Too slow, and then very fast.
    let head = "POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\nuser=";
    let mut client = Client::begin(&server, head).await;
    client.is_spoken_to().await;
    client.send(&body).await;
    assert_is_last("too slow", &client.rest().await, "408");
    // For another host, and without one.
    for (host, status) in [("Host: evil.example\r\n", "421"), ("", "400"), ("Host: a\r\nHost: b\r\n", "400")] {
        let head = format!("POST /login HTTP/1.1\r\n{host}{length}\r\n\r\n");
        let mut client = Client::begin(&server, &head).await;
        client.send(&body).await;
        assert_is_last(host, &client.rest().await, status);
    }
    // An endless head.
    let mut client = Client::begin(&server, "GET / HTTP/1.1\r\nHost: localhost\r\nLong: ").await;
    client.send(&body).await;
    assert!(client.rest().await.starts_with("HTTP/1.1 431 "));
}

#[track_caller]
fn assert_is_last(what: &str, answer: &str, status: &str) {
    assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{what}: {answer}");
    assert!(answer.contains("connection: close\r\n"), "{what}: {answer}");
}

/// `nc -N` and health checks shut down their half of the connection after the request.
#[tokio::test]
async fn who_sends_no_more_is_answered() {
    let server = Server::new();
    for request in [
        "POST /increment HTTP/1.0\r\nHost: localhost\r\n\r\n",
        "POST /increment HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
        "POST /increment HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\na=b",
        "POST /increment HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n3\r\na=b\r\n0\r\n\r\n",
    ] {
        let mut client = Client::begin(&server, request).await;
        client.end().await;
        let answer = client.rest().await;
        assert!(answer.contains(" 303 ") && answer.contains("set-cookie: "), "{request}: {answer}");
    }
}

/// A complete request is processed, and an incomplete one never starts, whatever happens to its client.
#[tokio::test]
async fn a_request_is_done_or_not_begun() {
    const REQUESTS: i64 = 30;
    let server = Server::new();
    let visitor = Visitor::with_session(&server).await;
    let post = |rest: &str| {
        let cookie = visitor.cookie(&server);
        format!("POST /increment HTTP/1.1\r\nHost: localhost\r\nCookie: {cookie}\r\n{rest}")
    };
    for half in ["Content-Length: 3\r\n\r\na=", "Transfer-Encoding: chunked\r\n\r\n3\r\na=b\r\n", "Content-Le"] {
        let mut client = Client::begin(&server, &post(half)).await;
        client.end().await;
        client.rest().await;
        Client::begin(&server, &post(half)).await.reset();
    }
    for number in 0..REQUESTS {
        let mut client = Client::begin(&server, &post("Content-Length: 3\r\n\r\na=b")).await;
        match number % 2 {
            0 => client.end().await,
            // The request has arrived and may be read: the other request's response proves it.
            _ => drop(visitor.get(&server, "/style.css").await),
        }
        client.reset();
    }
    let start = Instant::now();
    while visitor.get(&server, "/").await.counter() < REQUESTS {
        assert!(start.elapsed() < PATIENCE, "{} of {REQUESTS}", visitor.get(&server, "/").await.counter());
        tokio::time::sleep(PAUSE).await;
    }
    assert_eq!(visitor.get(&server, "/").await.counter(), REQUESTS, "and no incomplete one");
}

/// A proxy and the server must agree on where a request ends. So each of these gets one response, and the bytes after
/// it are not a request.
#[tokio::test]
async fn no_request_is_smuggled() {
    const HIDDEN: &str = "GET /hidden HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let server = Server::of(adversary(), []);
    let chunks = "0\r\n\r\n";
    let rows = [
        ("two lengths", "Content-Length: 0\r\nContent-Length: 5", "", Some("400")),
        ("two lengths in one field", "Content-Length: 0, 5", "", Some("400")),
        ("a signed length", "Content-Length: +0", "", Some("400")),
        ("a negative length", "Content-Length: -1", "", Some("400")),
        ("no number", "Content-Length: 0x0", "", Some("400")),
        ("a length and chunks", "Content-Length: 5\r\nTransfer-Encoding: chunked", chunks, None),
        ("chunks and a length", "Transfer-Encoding: chunked\r\nContent-Length: 5", chunks, None),
        ("no encoding of ours", "Transfer-Encoding: xchunked", chunks, Some("400")),
        ("chunks are not the last encoding", "Transfer-Encoding: chunked, identity", chunks, Some("400")),
        ("a space before the colon", "Content-Length : 0", "", Some("400")),
        ("a folded field", "Content-Length:\r\n 0", "", Some("400")),
        ("a huge chunk", "Transfer-Encoding: chunked", "FFFFFFFFFFFFFFFFF\r\n", Some("400")),
    ];
    for (what, fields, body, status) in rows {
        let request = format!("POST /upload HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n\r\n{body}{HIDDEN}");
        let answer = Client::begin(&server, &request).await.rest().await;
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{what}: {answer}");
        let status = status.unwrap_or("200");
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{what}: {answer}");
    }
    let old = format!("POST /upload HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}{HIDDEN}");
    let answer = Client::begin(&server, &old).await.rest().await;
    assert!(answer.contains(" 400 ") && answer.matches("HTTP/1.").count() == 1, "{answer}");
    assert!(!server.log().contains("/hidden"), "{}", server.log());
}

/// An HTTP/1.0 response ends only with its connection. A truncated one must not end cleanly.
#[tokio::test]
async fn an_answer_that_breaks_off_is_no_whole_one() {
    let server = Server::of(adversary(), ["--timeout", "1"]);
    let mut client = Client::begin(&server, "GET /cut HTTP/1.0\r\n\r\n").await;
    client.hear("HTTP/1.0 200 OK").await;
    assert!(in_time("the connection breaks", client.breaks()).await);
    let page = Page::of(request(&server, Method::GET, "/fine")).await;
    assert_eq!(page.text, "fine");
}
