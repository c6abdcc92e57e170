//! Sessions on PostgreSQL: the whole contract, through the component `host-store`, and what the command does with them.

use std::fs;
use std::process::Output;
use std::sync::Arc;

use host_tests::command::session3;
use host_tests::host::component_path;
use host_tests::postgres::{PASSWORD, Postgres};
use host_tests::server::Server;
use host_tests::visitor::{Visitor, request};
use reqwest::{Method, StatusCode};
use serde_json::Value;
use session_conformance::{BackEnd, Component};
use session_runtime::engines::postgres::PostgresBuilder;
use tokio::task::JoinSet;

#[test]
fn postgres_conforms() {
    let postgres = Postgres::new();
    let wasm = fs::read(component_path().with_file_name("host_store.wasm")).unwrap();
    let component = Component::new(&wasm).unwrap();
    let engine = PostgresBuilder::new(&postgres.url_with(PASSWORD)).unwrap().build();
    println!("{}", session_conformance::run(|| BackEnd::on_engine(&component, &engine)).unwrap());
}

/// Four servers, as on four machines: 800 increments of one session through all of them give 800.
#[tokio::test]
async fn four_servers_on_one_postgres_lose_no_increment() {
    const SERVERS: usize = 4;
    let postgres = Postgres::new();
    let url = postgres.url_with(PASSWORD);
    let servers: Arc<Vec<_>> = Arc::new((0..SERVERS).map(|_| Server::on_store(&url, [])).collect());
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

/// While the server of the sessions is down, requests get 503 and say when to come back. Sessions are there again when it
/// is: the creation of another has brought the relaxed save to the disk as well.
#[tokio::test]
async fn a_crash_of_postgres_loses_no_session() {
    let mut postgres = Postgres::new();
    let url = postgres.url_with(PASSWORD);
    let server = Server::on_store(&url, ["--store-timeout", "1"]);
    let visitor = Visitor::with_session(&server).await;
    visitor.post(&server, "/increment", &[]).await;
    let other = Visitor::new();
    let id = other.post(&server, "/login", &[("user", "alice")]).await.id().unwrap().to_owned();
    let cookie = visitor.cookie(&server);
    postgres.kill();
    let answer = request(&server, Method::GET, "/").header("cookie", &cookie).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(answer.headers().contains_key("retry-after"));
    postgres.restart();
    assert_eq!(visitor.get(&server, "/").await.counter(), 1);
    assert_eq!(other.get(&server, "/").await.id(), Some(id.as_str()));
    visitor.post(&server, "/increment", &[]).await;
    assert_eq!(visitor.get(&server, "/").await.counter(), 2);
    assert!(!server.log().contains(PASSWORD));
}

fn run<'a>(arguments: impl IntoIterator<Item = &'a str>) -> Output {
    session3(arguments).env_remove("SESSION3_STORE_PASSWORD").output().unwrap()
}

fn stdout(output: &Output) -> &str {
    assert!(output.status.success(), "{output:?}");
    std::str::from_utf8(&output.stdout).unwrap()
}

#[tokio::test]
async fn the_administration_of_sessions_on_postgres() {
    let postgres = Postgres::new();
    let url = &postgres.url_with(PASSWORD);
    let nothing = run(["ls", "--store", url]);
    assert_eq!(nothing.status.code(), Some(1));
    let said = String::from_utf8(nothing.stderr).unwrap();
    assert!(said.contains(&format!("there is no session store on {}", postgres.url())), "{said}");

    let server = Server::on_store(url, []);
    let visitor = Visitor::new();
    let id = visitor.post(&server, "/login", &[("user", "alice")]).await.id().unwrap().to_owned();
    Visitor::with_session(&server).await;
    let listed = run(["ls", "--json", "--store", url]);
    assert_eq!(stdout(&listed).lines().count(), 2);
    let listed = run(["ls", "--json", "--owner", "alice", "--store", url]);
    let listed: Value = serde_json::from_str(stdout(&listed)).unwrap();
    assert_eq!((&listed["id"], &listed["owner"]), (&Value::from(id.as_str()), &Value::from("alice")));
    let shown: Value = serde_json::from_str(stdout(&run(["show", &id, "--json", "--store", url]))).unwrap();
    assert_eq!(shown["user"], "alice");
    let stats: Value = serde_json::from_str(stdout(&run(["stats", "--json", "--store", url]))).unwrap();
    assert_eq!((&stats["sessions"], &stats["owned"]), (&Value::from(2), &Value::from(1)));
    stdout(&run(["gc", "--store", url]));
    stdout(&run(["rm", &id, "--store", url]));
    assert_eq!(visitor.get(&server, "/").await.id(), None);
    assert_eq!(postgres.sql("SELECT count(*) FROM session3.sessions WHERE owner IS NOT NULL").trim(), "0");
    // Another schema is another store.
    assert_eq!(run(["ls", "--store", &format!("{url}?schema=other")]).status.code(), Some(1));
}

/// Each mistake has a line that says what to do, and the line does not contain the password.
#[test]
fn mistakes_with_a_store_on_postgres() {
    let postgres = Postgres::new();
    let (wrong, right) = (postgres.url_with("s3cretive"), postgres.url_with(PASSWORD));
    let without = postgres.url().replacen("//", "//test@", 1);
    let missing = right.replace("/postgres", "/missing");
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), format!("{PASSWORD}\n")).unwrap();
    let file = file.path().to_str().unwrap();
    for (arguments, text) in [
        (&["--store", "postgres://test:s3cret@localhost"][..], "--store is no URL"),
        (&["--store", "postgres://test:s3cret@localhost/a?sslmode=require"], "sslmode=disable or verify-full"),
        (&["--store", &wrong], "password authentication failed"),
        (&["--store", &missing], "database \"missing\" does not exist"),
        (&["--store", &right], "there is no session store"),
        (&["--store", &without, "--store-password-file", file], "there is no session store"),
        (&["--store", "postgres://test:s3cret@127.0.0.1:1/a", "--store-timeout", "1"], "cannot be reached"),
    ] {
        for command in [&["ls"][..], &["demo", "--listen", "127.0.0.1:0"]] {
            if command[0] == "demo" && text == "there is no session store" {
                continue;
            }
            let output = run(command.iter().chain(arguments).copied());
            let said = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(1), "{arguments:?}: {said}");
            assert!(said.contains(text), "{arguments:?}: {said}");
            assert!(!said.contains(PASSWORD), "{said}");
        }
    }
}
