//! Refused requests: other sites, unknown pages, wrong methods, long forms.

use host_tests::server::Server;
use host_tests::tree::tree;
use host_tests::visitor::{Page, Visitor, request};
use reqwest::Method;

#[tokio::test]
async fn a_request_that_another_site_made_changes_nothing() {
    let server = Server::new();
    let visitor = Visitor::with_session(&server).await;
    let cookie = visitor.cookie(&server);
    let own = format!("http://{}", server.address());
    let rows = [
        ("sec-fetch-site", "cross-site", 403),
        ("sec-fetch-site", "same-site", 403),
        ("sec-fetch-site", "same-origin", 303),
        ("sec-fetch-site", "none", 303),
        ("origin", "http://evil.example", 403),
        ("origin", "http://127.0.0.1:1", 403),
        ("origin", "null", 403),
        ("origin", &own, 303),
    ];
    let mut count = 0;
    for (name, value, status) in rows {
        let request = request(&server, Method::POST, "/increment").header("cookie", &cookie).header(name, value);
        assert_eq!(Page::of(request).await.status, status, "{name}: {value}");
        count += i64::from(status == 303);
        assert_eq!(visitor.get(&server, "/").await.counter(), count, "{name}: {value}");
    }
    for path in [
        "/keep",
        "/logout",
        "/login",
        "/attributes/set",
        "/attributes/remove",
        "/form",
        "/admin/end",
        "/devices/end",
        "/devices/end-others",
        "/devices/end-all",
        "/devices/confirm",
        "/notes",
        "/notes/count",
    ] {
        let request = request(&server, Method::POST, path).header("sec-fetch-site", "cross-site");
        assert_eq!(Page::of(request.header("cookie", &cookie)).await.status, 403, "{path}");
    }
    let request = request(&server, Method::GET, "/").header("sec-fetch-site", "cross-site").header("cookie", &cookie);
    assert_eq!(Page::of(request).await.counter(), count, "a link to a safe page is followed");
}

#[tokio::test]
async fn pages_that_are_not_there_and_methods_that_do_not_fit() {
    let server = Server::new();
    let rows = [
        (Method::GET, "/nowhere", 404, ""),
        (Method::POST, "/nowhere", 404, ""),
        (Method::GET, "/keep/", 404, ""),
        (Method::GET, "//keep", 404, ""),
        (Method::GET, "/%6beep", 404, ""),
        (Method::DELETE, "/", 405, "GET, HEAD, POST"),
        (Method::PUT, "/login", 405, "POST"),
        (Method::GET, "/login", 405, "POST"),
        (Method::GET, "/attributes/set", 405, "POST"),
        (Method::GET, "/increment", 405, "POST"),
        (Method::HEAD, "/increment", 405, "POST"),
        (Method::OPTIONS, "/admin", 405, "GET, HEAD"),
        (Method::POST, "/style.css", 405, "GET, HEAD"),
    ];
    for (method, path, status, allowed) in rows {
        let page = Page::of(request(&server, method.clone(), path)).await;
        assert_eq!(page.status, status, "{method} {path}");
        assert_eq!(page.fields("allow").join("; "), allowed, "{method} {path}");
    }
}

#[tokio::test]
async fn head_is_get_without_a_body() {
    let server = Server::new();
    for path in ["/", "/admin", "/style.css", "/increment"] {
        let [get, head] = [Method::GET, Method::HEAD].map(|method| Page::of(request(&server, method, path)));
        let (get, head) = (get.await, head.await);
        assert_eq!((head.status, &head.text[..]), (get.status, ""), "{path}");
        assert_eq!(head.fields("content-type"), get.fields("content-type"), "{path}");
    }
}

/// Requests that browsers and crawlers send on their own.
#[tokio::test]
async fn what_is_safe_changes_nothing() {
    const PATHS: [&str; 12] = [
        "/keep",
        "/increment",
        "/incrementfail",
        "/logout",
        "/logoutfail",
        "/",
        "/form",
        "/notes",
        "/devices",
        "/devices/confirm",
        "/admin",
        "/login",
    ];
    let server = Server::new();
    let visitor = Visitor::new();
    visitor.post(&server, "/login", &[("user", "ann")]).await;
    let cookie = visitor.cookie(&server);
    // It leaves a notice not yet shown.
    Page::of(request(&server, Method::POST, "/increment").header("cookie", &cookie)).await;
    let before = tree(server.path());
    let prefetches = [("sec-purpose", "prefetch"), ("sec-purpose", "prefetch;prerender"), ("purpose", "prefetch")];
    for path in PATHS {
        for (name, value) in prefetches {
            let prefetch = request(&server, Method::GET, path).header("cookie", &cookie).header(name, value);
            let page = Page::of(prefetch).await;
            assert_eq!(page.fields("set-cookie"), [""; 0], "{path}, {name}: {value}");
        }
        Page::of(request(&server, Method::HEAD, path).header("cookie", &cookie)).await;
    }
    for path in &PATHS[..5] {
        assert_eq!(visitor.get(&server, path).await.status, 405, "{path}");
    }
    assert_eq!(tree(server.path()), before);
    let page = visitor.get(&server, "/").await;
    assert_eq!((page.notice(), page.counter()), (Some("One was added to the counter."), 1));
}

#[tokio::test]
async fn a_form_that_is_too_long_is_refused() {
    let server = Server::new();
    let visitor = Visitor::with_session(&server).await;
    for (length, status) in [(64 << 10, 200), ((64 << 10) + 1, 413), (1 << 20, 413)] {
        let rest = "name=long&type=text&value=";
        let value = "x".repeat(length - rest.len());
        let page =
            visitor.post(&server, "/attributes/set", &[("name", "long"), ("type", "text"), ("value", &value)]).await;
        assert_eq!(page.status, status, "{length} bytes");
    }
    assert!(
        visitor.get(&server, "/").await.text.contains("bytes in total"),
        "a long value is truncated where it is shown"
    );
}
