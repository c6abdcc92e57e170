//! Logins until the browser closes, or for longer.

use host_tests::server::Server;
use host_tests::visitor::{Page, Visitor, request};
use reqwest::Method;

const MONTH: &str = "; Max-Age=2592000";

#[tokio::test]
async fn a_remembered_login_outlives_the_browser() {
    let server = Server::new();
    for (form, is_remembered) in [(&[("user", "ann")][..], false), (&[("user", "ann"), ("remember", "yes")], true)] {
        let page = Page::of(request(&server, Method::POST, "/login").form(form)).await;
        let cookie = page.fields("set-cookie")[0];
        assert_eq!(cookie.contains(MONTH), is_remembered, "{cookie}");
        assert!(is_remembered || !cookie.contains("Max-Age"), "{cookie}");
    }
}

#[tokio::test]
async fn the_page_says_for_how_long() {
    let server = Server::new();
    let visitor = Visitor::new();
    let page = visitor.post(&server, "/login", &[("user", "ann"), ("remember", "yes")]).await;
    assert_eq!(page.notice(), Some("Logged in as ann."));
    assert!(page.text.contains("Remembered</strong> until <time"), "{page:#?}");
    assert!(page.text.contains("<span>29 d 23 h</span>"), "{page:#?}");

    let old = visitor.cookie(&server);
    let page = visitor.post(&server, "/login", &[("user", "ann")]).await;
    assert!(page.text.contains("Until the browser closes, and not longer than <time"), "{page:#?}");
    assert!(page.text.contains("Ends unless it is used</dt>"), "{page:#?}");
    let left = page.between("countdown left-", "\"").unwrap().parse::<u64>().unwrap();
    assert!((1700..=1800).contains(&left), "{left} seconds of half an hour are left");
    assert!(page.text.contains(&format!("/countdown.css?left={left}")), "{page:#?}");
    assert_ne!(visitor.cookie(&server), old, "a login that is no longer remembered gets a session cookie");
}
