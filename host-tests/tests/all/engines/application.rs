//! What an application on several servers, and its administrator, see of a store on a server.

use std::sync::Arc;

use host_tests::server::Server;
use host_tests::visitor::{Visitor, request};
use reqwest::{Method, StatusCode};
use serde_json::Value;
use tokio::task::JoinSet;

use super::{run, stdout};

/// Four servers, as on four machines: 800 increments of one session through all of them give 800.
pub async fn four_servers_lose_no_increment(url: &str) {
    const SERVERS: usize = 4;
    let servers: Arc<Vec<_>> = Arc::new((0..SERVERS).map(|_| Server::on_store(url, [])).collect());
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

pub async fn a_logout_on_one_server_is_one_on_all(url: &str) {
    let [one, two] = [Server::on_store(url, []), Server::on_store(url, [])];
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
/// is; the creation of another has brought a relaxed save to the disk as well. Returns the log of the command.
pub async fn a_restart_loses_no_session<S>(
    server_of_sessions: &mut S,
    url: &str,
    kill: fn(&mut S),
    restart: fn(&mut S),
) -> String {
    let server = Server::on_store(url, ["--store-timeout", "1"]);
    let visitor = Visitor::with_session(&server).await;
    visitor.post(&server, "/increment", &[]).await;
    let other = Visitor::new();
    let id = other.post(&server, "/login", &[("user", "alice")]).await.id().unwrap().to_owned();
    let cookie = visitor.cookie(&server);
    kill(server_of_sessions);
    let answer = request(&server, Method::GET, "/").header("cookie", &cookie).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(answer.headers().contains_key("retry-after"));
    restart(server_of_sessions);
    assert_eq!(visitor.get(&server, "/").await.counter(), 1);
    assert_eq!(other.get(&server, "/").await.id(), Some(id.as_str()));
    visitor.post(&server, "/increment", &[]).await;
    assert_eq!(visitor.get(&server, "/").await.counter(), 2);
    server.log()
}

/// `ls`, `show`, `stats`, `gc` and `rm` with `--store`. The store is shown as `shown`; `other` is another one.
pub async fn administration(url: &str, shown: &str, other: &str) {
    let nothing = run(["ls", "--store", url]);
    assert_eq!(nothing.status.code(), Some(1));
    let said = String::from_utf8(nothing.stderr).unwrap();
    assert!(said.contains(&format!("there is no session store on {shown}")), "{said}");

    let server = Server::on_store(url, []);
    let visitor = Visitor::new();
    let id = visitor.post(&server, "/login", &[("user", "alice")]).await.id().unwrap().to_owned();
    Visitor::with_session(&server).await;
    let listed = run(["ls", "--json", "--store", url]);
    assert_eq!(stdout(&listed).lines().count(), 2);
    let listed = run(["ls", "--json", "--owner", "alice", "--store", url]);
    let listed: Value = serde_json::from_str(stdout(&listed)).unwrap();
    assert_eq!((&listed["id"], &listed["owner"]), (&Value::from(id.as_str()), &Value::from("alice")));
    let details: Value = serde_json::from_str(stdout(&run(["show", &id, "--json", "--store", url]))).unwrap();
    assert_eq!(details["user"], "alice");
    let stats: Value = serde_json::from_str(stdout(&run(["stats", "--json", "--store", url]))).unwrap();
    assert_eq!((&stats["sessions"], &stats["owned"]), (&Value::from(2), &Value::from(1)));
    stdout(&run(["gc", "--store", url]));
    stdout(&run(["rm", &id, "--store", url]));
    assert_eq!(visitor.get(&server, "/").await.id(), None);
    assert_eq!(run(["ls", "--store", other]).status.code(), Some(1));
}
