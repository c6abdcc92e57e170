//! Sessions on PostgreSQL.

use std::fs;

use host_tests::postgres::{PASSWORD, Postgres};
use session_runtime::engines::postgres::PostgresBuilder;

use super::{application, conforms, run};

#[test]
fn it_conforms() {
    let postgres = Postgres::new();
    println!("{}", conforms(&PostgresBuilder::new(&postgres.url_with(PASSWORD)).unwrap().build()));
}

#[tokio::test]
async fn four_servers_lose_no_increment() {
    let postgres = Postgres::new();
    application::four_servers_lose_no_increment(&postgres.url_with(PASSWORD)).await;
}

#[tokio::test]
async fn a_logout_on_one_server_is_one_on_all() {
    let postgres = Postgres::new();
    application::a_logout_on_one_server_is_one_on_all(&postgres.url_with(PASSWORD)).await;
}

#[tokio::test]
async fn a_crash_loses_no_session() {
    let mut postgres = Postgres::new();
    let url = postgres.url_with(PASSWORD);
    let log = application::a_restart_loses_no_session(&mut postgres, &url, Postgres::kill, Postgres::restart).await;
    assert!(!log.contains(PASSWORD), "{log}");
}

#[tokio::test]
async fn administration() {
    let postgres = Postgres::new();
    let url = postgres.url_with(PASSWORD);
    application::administration(&url, &postgres.url(), &format!("{url}?schema=other")).await;
}

/// Each mistake has a line that says what to do, and the line does not contain the password.
#[test]
fn mistakes() {
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
