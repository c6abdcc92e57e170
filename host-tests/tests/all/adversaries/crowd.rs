//! Ten thousand visitors, each on a separate connection with a new session.

use std::collections::BTreeSet;
use std::time::Instant;

use host_tests::command::session3;
use host_tests::raw::{Client, raise_file_limit};
use host_tests::server::Server;
use host_tests::visitor::Visitor;
use tokio::task::JoinSet;

const WAVES: usize = 10;
/// Concurrent connections; the server accepts 1024.
const WAVE: usize = 1000;

/// Connects all clients, then requests a session on each. Returns the cookies.
async fn wave(server: &Server) -> Vec<String> {
    let mut clients = Vec::new();
    for _ in 0..WAVE {
        clients.push(Client::connect(server).await);
    }
    let mut visitors = JoinSet::new();
    for mut client in clients {
        visitors.spawn(async move {
            client
                .send("POST /keep HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                .await;
            let answer = client.rest().await;
            assert!(answer.starts_with("HTTP/1.1 303 "), "{answer}");
            let (_, cookie) = answer.split_once("set-cookie: session3=").expect("a new session has a cookie");
            cookie.split_once(';').unwrap().0.to_owned()
        });
    }
    visitors.join_all().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_connections_that_each_open_a_session() {
    const SESSIONS: usize = WAVES * WAVE;
    raise_file_limit();
    let server = Server::new();
    // The first request sets up the store; only half of the instances may wait for that.
    Visitor::with_session(&server).await;
    let start = Instant::now();
    let mut cookies = BTreeSet::from_iter(wave(&server).await);
    for _ in 1..WAVES / 2 {
        cookies.extend(wave(&server).await);
    }
    let (_, first) = server.memory();
    for _ in WAVES / 2..WAVES {
        cookies.extend(wave(&server).await);
    }
    let elapsed = start.elapsed();
    let (now, most) = server.memory();
    println!("{SESSIONS} connections that each open a session, {WAVE} at once: {elapsed:.1?}");
    println!("memory at most: {first} KiB in the first half, {most} KiB in all; after that {now} KiB");
    assert_eq!(cookies.len(), SESSIONS, "every cookie is unique");
    let listing = session3(["ls", "--json", "--dir", server.path().to_str().unwrap()]).output().unwrap();
    assert_eq!(listing.stdout.split(|byte| *byte == b'\n').count(), SESSIONS + 2, "one line for each session");
    // Less than 4 KiB for each session created. As many requests at once as there are instances take some time to meet.
    assert!(most - first <= 16 * 1024, "{first} KiB, then {most} KiB");
}
