//! The host and scheme that a request is for.

use host_tests::guest::adversary;
use host_tests::raw::Client;
use host_tests::server::Server;
use host_tests::visitor::{Page, request};
use reqwest::{Method, RequestBuilder};

async fn status(server: &Server, head: &str) -> String {
    let answer = Client::begin(server, &format!("{head}Connection: close\r\n\r\n")).await.rest().await;
    answer.split(' ').nth(1).unwrap_or_else(|| panic!("{head}: {answer:?}")).to_owned()
}

/// RFC 9112, section 3.2.
#[tokio::test]
async fn one_host_is_named() {
    let server = Server::new();
    let rows = [
        ("GET / HTTP/1.1\r\nHost: localhost\r\n", "200"),
        ("GET / HTTP/1.1\r\n", "400"),
        ("GET / HTTP/1.1\r\nHost:\r\n", "400"),
        ("GET / HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n", "400"),
        ("GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n", "400"),
        ("GET / HTTP/1.1\r\nHost: a b/c\r\n", "400"),
        ("GET / HTTP/1.1\r\nHost: user@localhost\r\n", "400"),
        ("GET / HTTP/1.1\r\nHost: localhost:65536\r\n", "400"),
        // An absolute target takes precedence.
        ("GET http://localhost/ HTTP/1.1\r\nHost: evil.example\r\n", "200"),
        ("GET http://evil.example/ HTTP/1.1\r\nHost: localhost\r\n", "421"),
        ("GET http://localhost/ HTTP/1.1\r\n", "400"),
        // Health checks: the first is HAProxy's.
        ("OPTIONS / HTTP/1.0\r\n", "405"),
        ("GET / HTTP/1.0\r\n", "200"),
        ("HEAD / HTTP/1.0\r\nHost: localhost\r\n", "200"),
        ("GET / HTTP/1.0\r\nHost: localhost\r\nHost: localhost\r\n", "400"),
        ("GET / HTTP/1.0\r\nHost: a b\r\n", "400"),
    ];
    for (head, expected) in rows {
        assert_eq!(status(&server, head).await, expected, "{head}");
    }
}

/// A foreign page whose name resolves to the server (DNS rebinding) reads nothing of the demo.
#[tokio::test]
async fn the_demo_goes_by_names_of_its_own() {
    let ours = Server::new();
    let named = Server::with(["--host", "shop.example", "--host", "www.shop.example"]);
    let any = Server::of(adversary(), []);
    let only = Server::of(adversary(), ["--host", "shop.example"]);
    let port = ours.address().split_once(':').unwrap().1;
    let rows = [
        ("localhost", [true, true, true, true]),
        ("127.0.0.1", [true, true, true, true]),
        ("[::1]", [true, true, true, true]),
        ("demo.localhost", [true, true, true, true]),
        ("shop.example", [false, true, true, true]),
        ("www.shop.example", [false, true, true, false]),
        ("evil.example", [false, false, true, false]),
        ("localhost.evil.example", [false, false, true, false]),
        ("127.0.0.1.evil.example", [false, false, true, false]),
        ("192.0.2.1", [false, false, true, false]),
    ];
    for (host, expected) in rows {
        for (server, is_admitted) in [&ours, &named, &any, &only].into_iter().zip(expected) {
            for host in [host.to_owned(), format!("{host}:{port}")] {
                let page = Page::of(request(server, Method::GET, "/fine").header("host", &host)).await;
                let is_refused = page.status == 421 && page.text.contains("--host NAME");
                assert_eq!(!is_refused, is_admitted, "{host}: {page:#?}");
                assert_eq!(page.fields("set-cookie"), [""; 0]);
            }
        }
    }
}

/// TLS terminates at a proxy, which sends its own name for the server or the one in the browser's request.
#[tokio::test]
async fn a_trusted_proxy_says_what_the_browser_asked_for() {
    let behind = Server::with(["--trust-forwarded"]);
    let open = Server::with(["--host", "shop.example"]);
    let https = ("x-forwarded-proto", "https");
    let rows = [
        (behind.address(), &[https, ("x-forwarded-host", "shop.example")][..], "https://shop.example", true),
        (behind.address(), &[https, ("x-forwarded-host", "shop.example:8443")], "https://shop.example:8443", true),
        ("shop.example", &[https], "https://shop.example", true),
        ("shop.example:8443", &[https], "https://shop.example:8443", true),
        ("upstream", &[https, ("x-forwarded-host", "evil.example, shop.example")], "https://shop.example", true),
        ("localhost", &[https], "https://localhost", true),
        (behind.address(), &[], &behind.url(""), false),
    ];
    for (host, fields, origin, is_https) in rows {
        let name = if is_https { "__Host-session=" } else { "session3=" };
        let page = Page::of(increment(&behind, host, fields).header("origin", origin)).await;
        assert_eq!(page.status, 303, "{host} {fields:?}: {page:#?}");
        let cookie = page.fields("set-cookie")[0];
        assert!(cookie.starts_with(name) && cookie.contains("; Secure") == is_https, "{host} {fields:?}: {cookie}");
        let other = Page::of(increment(&behind, host, fields).header("origin", "https://other.example")).await;
        assert_eq!(other.status, 403, "{host} {fields:?}");
    }
    // Untrusted fields are ignored.
    let said = [https, ("x-forwarded-host", "shop.example"), ("forwarded", "proto=https;host=shop.example")];
    let page = Page::of(increment(&open, open.address(), &said).header("origin", "https://shop.example")).await;
    assert_eq!(page.status, 403);
    let page = Page::of(increment(&open, open.address(), &said)).await;
    assert!(page.fields("set-cookie")[0].starts_with("session3="), "{page:#?}");
    let unusable = increment(&behind, "localhost", &[("x-forwarded-host", "a b")]);
    assert_eq!(Page::of(unusable).await.status, 400);
}

fn increment(server: &Server, host: &str, fields: &[(&str, &str)]) -> RequestBuilder {
    let mut request = request(server, Method::POST, "/increment").header("host", host);
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    request
}

/// The proxy checks names, unless the demo is given some.
#[tokio::test]
async fn names_behind_a_proxy() {
    let named = Server::with(["--trust-forwarded", "--host", "shop.example"]);
    for (fields, status) in
        [(&[("x-forwarded-host", "shop.example")][..], 303), (&[("x-forwarded-host", "evil.example")], 421), (&[], 303)]
    {
        assert_eq!(Page::of(increment(&named, named.address(), fields)).await.status, status, "{fields:?}");
    }
}
