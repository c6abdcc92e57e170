//! Concurrent increments of one counter in one session, by eight processes on one directory.

use std::path::Path;
use std::sync::Arc;

use host_tests::server::{Server, private_directory};
use host_tests::visitor::{Page, Visitor, request};
use reqwest::Method;
use tokio::task::JoinSet;

/// Number of processes.
pub const PROCESSES: usize = 8;
/// Increments per process.
pub const EACH: usize = 100;

/// The result in the table of hosts.
pub const KEPT: &str = "800 of 800, by 8 processes";

/// Servers of the demo lose none.
pub async fn by_servers(serve: impl Fn(&Path) -> Server) {
    let directory = private_directory();
    let servers: Arc<Vec<Server>> = Arc::new((0..PROCESSES).map(|_| serve(directory.path())).collect());
    let visitor = Visitor::with_session(&servers[0]).await;
    let cookie = visitor.cookie(&servers[0]);
    let mut clients = JoinSet::new();
    for number in 0..PROCESSES {
        let (servers, cookie) = (servers.clone(), cookie.clone());
        clients.spawn(async move { increment(&servers[number], &cookie).await });
    }
    clients.join_all().await;
    for server in servers.iter() {
        let page = Page::of(request(server, Method::GET, "/").header("cookie", &cookie)).await;
        assert_eq!(page.counter(), 800);
    }
}

/// Retries requests refused because the session was busy too long.
async fn increment(server: &Server, cookie: &str) {
    let mut done = 0;
    while done < EACH {
        let page = Page::of(request(server, Method::POST, "/increment").header("cookie", cookie)).await;
        match page.status {
            303 => done += 1,
            503 => assert!(!page.fields("retry-after").is_empty()),
            status => panic!("{status}: {page:#?}"),
        }
    }
}
