//! Instances that serve requests one after another: `--reuse`.

use host_tests::guest::adversary;
use host_tests::server::Server;
use host_tests::visitor::{Page, Visitor, request};
use reqwest::Method;

async fn get(server: &Server, path: &str) -> Page {
    Page::of(request(server, Method::GET, path)).await
}

/// How many requests for this page the instance has served.
async fn count(server: &Server) -> u32 {
    get(server, "/count").await.text.parse().unwrap()
}

#[tokio::test]
async fn an_instance_serves_that_many_requests() {
    for (options, expected) in [(&[][..], [1, 1, 1, 1]), (&["--reuse", "3"], [1, 2, 3, 1])] {
        let server = Server::of(adversary(), options.iter().copied());
        for expected in expected {
            assert_eq!(count(&server).await, expected, "{options:?}");
        }
    }
}

#[tokio::test]
async fn an_instance_with_signs_of_trouble_serves_no_more() {
    let rows = [
        ("it is fine", "/fine", 200, true),
        ("it trapped", "/recurse", 500, false),
        ("it was late", "/loop", 504, false),
        ("it did not respond", "/nothing", 500, false),
        ("it holds locks", "/locks", 200, false),
        ("it holds files", "/open-some", 200, false),
        ("it has grown", "/grow", 200, false),
    ];
    for (what, path, status, is_kept) in rows {
        let server = Server::of(adversary(), ["--reuse", "100", "--timeout", "1"]);
        assert_eq!(count(&server).await, 1);
        assert_eq!(get(&server, path).await.status, status, "{what}");
        assert_eq!(count(&server).await, if is_kept { 2 } else { 1 }, "{what}");
    }
}

/// As an instance that keeps its locks would get none of them again.
#[tokio::test]
async fn the_locks_of_a_request_end_with_it() {
    let server = Server::of(adversary(), ["--reuse", "100"]);
    let taken = get(&server, "/locks").await.text;
    assert_ne!(taken, "0");
    for _ in 0..3 {
        assert_eq!(get(&server, "/locks").await.text, taken);
    }
}

/// Visitors take turns with one instance, and each sees their own session.
#[tokio::test]
async fn visitors_are_kept_apart() {
    let server = Server::with(["--reuse", "1000", "--max-instances", "1"]);
    let visitors = [Visitor::with_session(&server).await, Visitor::with_session(&server).await];
    for (visitor, user) in visitors.iter().zip(["ann", "bob"]) {
        visitor.post(&server, "/login", &[("user", user)]).await;
    }
    for round in 1..=20 {
        for (visitor, [user, other]) in visitors.iter().zip([["ann", "bob"], ["bob", "ann"]]) {
            visitor.post(&server, "/increment", &[]).await;
            let page = visitor.get(&server, "/").await;
            assert_eq!(page.counter(), round);
            assert!(page.text.contains(user) && !page.text.contains(other), "{page:#?}");
        }
    }
    let stranger = Visitor::new().get(&server, "/").await;
    assert!(!stranger.text.contains("ann") && !stranger.text.contains("bob"), "{stranger:#?}");
}
