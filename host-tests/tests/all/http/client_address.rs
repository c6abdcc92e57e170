//! The client's address: the server passes it to the component; clients cannot set it.

use host_tests::server::Server;
use host_tests::visitor::{Page, request};
use reqwest::Method;

/// The address stored with a new session.
async fn kept(server: &Server, sent: &[(&str, &str)]) -> String {
    let mut login = request(server, Method::POST, "/login").form(&[("user", "ann")]);
    for (name, value) in sent {
        login = login.header(*name, *value);
    }
    let answer = Page::of(login).await;
    let cookie = answer.fields("set-cookie")[0].split(';').next().unwrap();
    let page = Page::of(request(server, Method::GET, "/").header("cookie", cookie)).await;
    page.between("remote address: ", "\n").unwrap().to_owned()
}

#[tokio::test]
async fn clients_do_not_say_where_they_are() {
    let server = Server::new();
    for sent in [
        &[][..],
        &[("x-forwarded-for", "192.0.2.7")],
        &[("X-Forwarded-For", "192.0.2.7"), ("x-forwarded-for", "192.0.2.8")],
        &[("forwarded", "for=192.0.2.7"), ("x-real-ip", "192.0.2.7")],
    ] {
        assert_eq!(kept(&server, sent).await, "127.0.0.1", "{sent:?}");
    }
}

#[tokio::test]
async fn a_trusted_proxy_says_where_they_are() {
    let server = Server::with(["--trust-forwarded"]);
    assert_eq!(kept(&server, &[("x-forwarded-for", "198.51.100.1, 192.0.2.7")]).await, "192.0.2.7");
    assert_eq!(kept(&server, &[("x-forwarded-for", "2001:db8::1")]).await, "2001:db8::1");
    assert_eq!(kept(&server, &[]).await, "127.0.0.1");
}
