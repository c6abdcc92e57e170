//! Concurrent requests of one session.

use std::sync::Arc;

use host_tests::server::Server;
use host_tests::visitor::{Page, Visitor, request};
use reqwest::Method;
use tokio::task::JoinSet;

const WORKERS: usize = 4;

/// Each worker has its own connection. Every response is a 303.
async fn at_once(
    server: &Arc<Server>,
    cookie: &str,
    work: impl Fn(usize, Arc<Server>) -> Vec<reqwest::RequestBuilder>,
) {
    let mut workers = JoinSet::new();
    for worker in 0..WORKERS {
        let requests = work(worker, server.clone());
        let cookie = cookie.to_owned();
        workers.spawn(async move {
            for request in requests {
                let page = Page::of(request.header("cookie", &cookie)).await;
                assert_eq!(page.status, 303, "{page:#?}");
            }
        });
    }
    while let Some(worker) = workers.join_next().await {
        worker.unwrap();
    }
}

#[tokio::test]
async fn no_increment_is_lost() {
    for reuse in ["1", "16"] {
        let server = Arc::new(Server::with(["--reuse", reuse]));
        let visitor = Visitor::with_session(&server).await;
        at_once(&server, &visitor.cookie(&server), |_, server| {
            (0..200).map(|_| request(&server, Method::POST, "/increment")).collect()
        })
        .await;
        assert_eq!(visitor.get(&server, "/").await.counter(), 800, "--reuse {reuse}");
    }
}

/// Requests that change different attributes all succeed, without waiting for each other.
#[tokio::test]
async fn no_attribute_is_lost() {
    let server = Arc::new(Server::new());
    let visitor = Visitor::with_session(&server).await;
    at_once(&server, &visitor.cookie(&server), |worker, server| {
        let set = |index| {
            let name = format!("attribute-{worker}-{index}");
            let form = [("name", &name[..]), ("type", "text"), ("value", "x")];
            request(&server, Method::POST, "/attributes/set").form(&form)
        };
        (0..50).map(set).collect()
    })
    .await;
    let page = visitor.get(&server, "/").await;
    for worker in 0..WORKERS {
        for index in 0..50 {
            let name = format!(">attribute-{worker}-{index}<");
            assert!(page.text.contains(&name), "{name} is lost");
        }
    }
}
