//! The demo's limits for remote clients, which connect through a proxy.

use host_tests::server::Server;
use host_tests::visitor::{Page, request};
use reqwest::Method;

async fn keep(server: &Server, address: &str) -> u16 {
    Page::of(request(server, Method::POST, "/keep").header("x-forwarded-for", address)).await.status
}

#[tokio::test]
async fn new_sessions_of_an_address_are_limited() {
    let server = Server::with(["--trust-forwarded"]);
    let mut refused = 0;
    for _ in 0..130 {
        match keep(&server, "192.0.2.7").await {
            303 => {}
            503 => refused += 1,
            status => panic!("{status}"),
        }
    }
    // A minute may end in between.
    assert!((10..=70).contains(&refused), "of 60 in a minute, {refused} were refused");
    assert_eq!(keep(&server, "192.0.2.8").await, 303, "other clients have their own limit");
    for _ in 0..70 {
        assert_eq!(keep(&server, "127.0.0.1").await, 303, "local clients have no limit");
    }
}

#[tokio::test]
async fn a_user_has_so_many_sessions() {
    let server = Server::with(["--trust-forwarded"]);
    let log_in = async |address: String| {
        let login =
            request(&server, Method::POST, "/login").header("x-forwarded-for", address).form(&[("user", "ann")]);
        let page = Page::of(login).await;
        assert_eq!(page.status, 303, "{page:#?}");
        page.fields("set-cookie")[0].split(';').next().unwrap().to_owned()
    };
    let first = log_in("192.0.2.1".into()).await;
    for number in 0..100 {
        log_in(format!("198.51.100.{number}")).await;
    }
    let page = Page::of(request(&server, Method::GET, "/").header("cookie", first)).await;
    assert!(page.text.contains("Nobody is logged in."), "the oldest session has ended: {page:#?}");
}

/// No client has sent the cookie back yet.
#[tokio::test]
async fn sessions_of_crawlers_end_soon() {
    let server = Server::with(["--trust-forwarded"]);
    let created = request(&server, Method::POST, "/keep").header("x-forwarded-for", "192.0.2.7");
    let cookie = Page::of(created).await.fields("set-cookie")[0].split(';').next().unwrap().to_owned();
    let page = async || Page::of(request(&server, Method::GET, "/").header("cookie", &cookie)).await;
    let left = |page: &Page| page.between("countdown left-", "\"").unwrap().parse::<u64>().unwrap();
    assert!((500..=600).contains(&left(&page().await)), "ten minutes");
    assert!((1700..=1800).contains(&left(&page().await)), "after the second request");
}
