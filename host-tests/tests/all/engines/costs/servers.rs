//! From one server of requests to four, on one Redis.

use std::sync::Arc;
use std::time::{Duration, Instant};

use host_tests::redis::Redis;
use host_tests::server::Server;
use host_tests::visitor::Visitor;
use reqwest::Method;
use tokio::task::JoinSet;

use super::{each, processor_time};

const CLIENTS: usize = 8;
const REQUESTS: usize = 500;

async fn round(redis: &Redis, servers: &Arc<Vec<Server>>, method: Method, path: &'static str) -> String {
    let of_servers = || servers.iter().map(|server| processor_time(server.pid())).sum::<Duration>();
    let mut clients = JoinSet::new();
    for client in 0..CLIENTS {
        let (servers, method) = (servers.clone(), method.clone());
        let cookie = {
            let visitor = Visitor::with_session(&servers[0]).await;
            visitor.cookie(&servers[0])
        };
        clients.spawn(async move {
            let http =
                reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
            for number in 0..REQUESTS {
                let server = &servers[(client + number) % servers.len()];
                let sent =
                    http.request(method.clone(), server.url(path)).header("cookie", &cookie).send().await.unwrap();
                assert!(sent.status().as_u16() < 400, "{sent:?}");
            }
        });
    }
    let (start, before) = (Instant::now(), (processor_time(redis.pid()), of_servers()));
    while let Some(client) = clients.join_next().await {
        client.unwrap();
    }
    let count = CLIENTS * REQUESTS;
    format!(
        "{:.0} a second, {:.0} us of Redis, {:.0} us of the servers",
        count as f64 / start.elapsed().as_secs_f64(),
        each(processor_time(redis.pid()) - before.0, count),
        each(of_servers() - before.1, count)
    )
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "prints figures: scripts/bench-engines"]
async fn one_to_four_servers() {
    let redis = Redis::relaxed();
    println!("\n| servers | a page that reads its session | one that changes it |");
    println!("|---:|---|---|");
    for count in 1..=4 {
        let servers = Arc::new((0..count).map(|_| Server::on_store(&redis.url(), [])).collect());
        let read = round(&redis, &servers, Method::GET, "/").await;
        let change = round(&redis, &servers, Method::POST, "/increment").await;
        println!("| {count} | {read} | {change} |");
    }
}
