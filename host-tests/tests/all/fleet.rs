//! Several servers behind nginx, on one Redis.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use host_tests::nginx::Nginx;
use host_tests::redis::Redis;
use host_tests::server::Server;
use reqwest::redirect::Policy;
use reqwest::{Client, StatusCode};
use session_conformance::wait::wait_for;
use tokio::task::{JoinSet, spawn_blocking};

const SERVERS: usize = 4;
const CLIENTS: usize = 4;
const INCREMENTS: usize = 200;

/// The servers are restarted one after the other, as for an update, while a session is used through nginx. Each request
/// is answered, no increment is lost, and no lock is left behind.
#[tokio::test]
async fn a_rolling_restart_loses_nothing() {
    let redis = Redis::new();
    let mut servers: Vec<_> = (0..SERVERS).map(|_| Server::on_store(&redis.url(), ["--trust-forwarded"])).collect();
    let nginx = Nginx::before(&servers);
    let client = Client::builder().no_proxy().redirect(Policy::none()).build().unwrap();
    let login = client.post(nginx.url("/login")).form(&[("user", "alice")]).send().await.unwrap();
    assert_eq!(login.status(), StatusCode::SEE_OTHER);
    let cookie = login.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();

    let done = Arc::new(AtomicUsize::new(0));
    let mut clients = JoinSet::new();
    for _ in 0..CLIENTS {
        let (client, url, cookie, done) = (client.clone(), nginx.url("/increment"), cookie.clone(), done.clone());
        clients.spawn(async move {
            for _ in 0..INCREMENTS {
                let sent = client.post(&url).header("cookie", &cookie).send().await.unwrap();
                assert_eq!(sent.status(), StatusCode::SEE_OTHER);
                done.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    let url = redis.url();
    let restarted = spawn_blocking(move || {
        for _ in 0..SERVERS {
            let before = done.load(Ordering::Relaxed);
            let server = servers.remove(0);
            let address = server.address().to_owned();
            server.stop();
            servers.push(Server::on_store_at(&address, &url, ["--trust-forwarded"]));
            wait_for("the others go on", || (done.load(Ordering::Relaxed) > before + CLIENTS).then_some(()));
        }
        assert!(done.load(Ordering::Relaxed) < CLIENTS * INCREMENTS, "the restarts are over before the requests");
        servers
    });
    let servers = restarted.await.unwrap();
    while let Some(client) = clients.join_next().await {
        client.unwrap();
    }
    for server in &servers {
        let page = client.get(server.url("/")).header("cookie", &cookie).send().await.unwrap().text().await.unwrap();
        assert!(page.contains(&format!("Counter is at {}.", CLIENTS * INCREMENTS)), "{page}");
        assert!(page.contains("alice"), "{page}");
    }
    let id = cookie.split_once('=').unwrap().1.split_once('.').unwrap().0;
    let key = redis.cli(&["keys", &format!("*s:{id}")]);
    let fields = redis.cli(&["hkeys", key.trim()]);
    assert!(!fields.lines().any(|field| field.starts_with('l')), "a lock is left: {fields}");
}
