//! Secrets that must appear only in the cookie.

use host_tests::server::Server;
use host_tests::tree::{contents, tree};
use host_tests::visitor::{Page, Visitor, request};
use reqwest::Method;

#[tokio::test]
async fn secrets_are_neither_logged_nor_on_the_disk() {
    let server = Server::logging_requests();
    let visitor = Visitor::with_session(&server).await;
    let mut secrets = vec![visitor.secret(&server)];
    visitor.post(&server, "/increment", &[]).await;
    visitor.post(&server, "/incrementfail", &[]).await;
    visitor.get(&server, &format!("/nowhere?cookie={}", secrets[0])).await;
    visitor.post(&server, "/login", &[("user", "alice")]).await;
    secrets.push(visitor.secret(&server));
    let cut = visitor.cookie(&server).replacen('.', ".0", 1);
    Page::of(request(&server, Method::GET, "/").header("cookie", cut)).await;
    visitor.get(&server, "/admin").await;
    assert_ne!(secrets[0], secrets[1], "a login creates a new one");

    let page = visitor.get(&server, "/").await;
    let (log, files) = (server.log(), contents(server.path()));
    assert!(log.contains("POST /login 303"), "{log}");
    assert!(tree(server.path()).keys().any(|path| path.ends_with(page.id().unwrap())), "the id is not secret");
    for secret in secrets {
        let raw = u128::from_str_radix(&secret, 16).unwrap();
        assert!(!log.contains(&secret), "{log}");
        assert!(!page.text.contains(&secret), "the page shows the secret");
        assert!(!tree(server.path()).keys().any(|path| path.contains(&secret)));
        for secret in [secret.as_bytes(), &raw.to_be_bytes(), &raw.to_le_bytes()] {
            let is_there = |file: &Vec<u8>| file.windows(secret.len()).any(|window| window == secret);
            assert!(!files.iter().any(is_there), "the disk holds the secret");
        }
    }
}
