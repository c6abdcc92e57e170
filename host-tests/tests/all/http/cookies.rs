//! The cookie: how it is sent, and how foreign and invalid ones are handled.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use host_tests::server::Server;
use host_tests::tree::tree;
use host_tests::visitor::{Page, Visitor, request};
use reqwest::Method;
use reqwest::header::HeaderValue;

/// The cookie's name and attributes.
#[track_caller]
fn set_cookie(page: &Page) -> (&str, Vec<&str>) {
    let fields = page.fields("set-cookie");
    let [field] = fields[..] else { panic!("one cookie is set: {page:#?}") };
    let mut parts = field.split("; ");
    let (name, value) = parts.next().unwrap().split_once('=').unwrap();
    let (id, secret) = value.split_once('.').unwrap();
    assert_eq!((id.len(), secret.len()), (32, 32), "{value}");
    let mut attributes: Vec<_> = parts.collect();
    attributes.sort_unstable();
    (name, attributes)
}

#[tokio::test]
async fn the_cookie_is_as_strict_as_the_connection_allows() {
    const PLAIN: &[&str] = &["HttpOnly", "Path=/", "SameSite=Lax"];
    const STRICT: &[&str] = &["HttpOnly", "Path=/", "SameSite=Lax", "Secure"];
    let names = ["example.com", "localhost.example.com", "127.0.0.1.example.com"];
    let server = Server::with(names.into_iter().flat_map(|name| ["--host", name]));
    let rows = [
        (server.address(), "session3", PLAIN),
        ("localhost", "session3", PLAIN),
        ("localhost:8080", "session3", PLAIN),
        ("demo.localhost:8080", "session3", PLAIN),
        ("[::1]:8080", "session3", PLAIN),
        ("example.com", "__Host-session", STRICT),
        ("localhost.example.com", "__Host-session", STRICT),
        ("127.0.0.1.example.com", "__Host-session", STRICT),
    ];
    for (host, name, attributes) in rows {
        let page = Page::of(request(&server, Method::POST, "/keep").header("host", host)).await;
        assert_eq!(page.status, 303, "{host}");
        let (set_name, set_attributes) = set_cookie(&page);
        assert_eq!((set_name, &set_attributes[..]), (name, attributes), "{host}");
        assert_eq!(page.fields("cache-control"), ["no-store"], "{host}");
        assert_eq!(page.fields("vary"), ["Cookie"], "{host}");
        assert_eq!(page.fields("location"), ["/"], "{host}");
    }
}

#[tokio::test]
async fn a_cookie_is_set_when_it_changes_and_cleared_when_the_session_ends() {
    let server = Server::new();
    let visitor = Visitor::with_session(&server).await;
    let cookie = visitor.cookie(&server);
    let send = |method, path| Page::of(request(&server, method, path).header("cookie", &cookie));
    for (method, path) in [
        (Method::GET, "/"),
        (Method::POST, "/increment"),
        (Method::POST, "/keep"),
        (Method::GET, "/admin"),
        (Method::GET, "/style.css"),
        (Method::POST, "/incrementfail"),
        (Method::POST, "/logoutfail"),
        (Method::GET, "/nowhere"),
    ] {
        assert_eq!(send(method, path).await.fields("set-cookie"), [""; 0], "{path}");
    }
    let page = send(Method::POST, "/logout").await;
    let fields = page.fields("set-cookie");
    let [field] = fields[..] else { panic!("{page:#?}") };
    assert!(field.starts_with("session3=;") && field.contains("; Max-Age=0"), "{field}");
    assert_eq!((page.fields("cache-control"), page.fields("vary")), (vec!["no-store"], vec!["Cookie"]));
}

/// Cookies are shared by all ports of a host, and other applications call theirs `session`.
#[tokio::test]
async fn another_applications_cookie_is_in_nobodys_way() {
    const OTHER: &str = "session=eyJhIjoxfQ.Zx.signature";
    let server = Server::new();
    let visitor = Visitor::new();
    visitor.take_cookie(&server, &format!("{OTHER}; Path=/"));
    visitor.post(&server, "/login", &[("user", "ann")]).await;
    assert!(visitor.get(&server, "/").await.text.contains("Logged in as"));
    assert_eq!(visitor.post(&server, "/logout", &[]).await.id(), None);
    assert_eq!(visitor.cookie(&server), OTHER);
}

/// Pages with session data must not be cached; static files may be.
#[tokio::test]
async fn pages_are_not_stored_and_files_are() {
    let server = Server::new();
    let visitor = Visitor::with_session(&server).await;
    for (path, cached) in [
        ("/", "no-store"),
        ("/form", "no-store"),
        ("/admin", "no-store"),
        ("/nowhere", "no-store"),
        ("/incrementfail", "no-store"),
        ("/style.css", "public, max-age=600"),
        ("/icon.svg", "public, max-age=600"),
    ] {
        let page = visitor.get(&server, path).await;
        assert_eq!(page.fields("cache-control"), [cached], "{path}");
        assert_eq!(page.fields("x-content-type-options"), ["nosniff"], "{path}");
        assert!(page.fields("content-security-policy")[0].starts_with("default-src 'none'"), "{path}");
    }
}

/// The files of sessions and of the index of owners.
fn files(server: &Server) -> Vec<String> {
    let files = tree(server.path()).into_iter().filter(|(path, what)| what != "directory" && path.contains('/'));
    files.map(|(path, _)| path).collect()
}

#[tokio::test]
async fn a_visitor_without_a_session_leaves_no_trace() {
    let server = Server::new();
    for (method, path) in [
        (Method::GET, "/"),
        (Method::HEAD, "/"),
        (Method::GET, "/admin"),
        (Method::POST, "/logout"),
        (Method::POST, "/logoutfail"),
        (Method::POST, "/incrementfail"),
        (Method::POST, "/login"),
        (Method::GET, "/nowhere"),
    ] {
        let page = Page::of(request(&server, method.clone(), path)).await;
        assert_eq!(page.fields("set-cookie"), [""; 0], "{method} {path}");
        assert_eq!(files(&server), [""; 0], "{method} {path}");
    }
    Visitor::with_session(&server).await;
    assert_eq!(files(&server).len(), 1, "a session is one file");
}

#[tokio::test]
async fn a_cookie_that_is_not_ours_gets_a_new_session() {
    let server = Server::new();
    let visitor = Visitor::with_session(&server).await;
    let cookie = visitor.cookie(&server);
    let id = visitor.get(&server, "/").await.id().unwrap().to_owned();

    for hostile in hostile_cookies(&cookie, &id) {
        let cookie_text = String::from_utf8_lossy(&hostile);
        let shown: String = cookie_text.chars().take(100).collect();
        let value = HeaderValue::from_bytes(&hostile).unwrap();
        let before = files(&server);
        let page = Page::of(request(&server, Method::GET, "/").header("cookie", &value)).await;
        assert_eq!((page.status, page.id()), (200, None), "{shown}");
        assert_eq!(files(&server), before, "{shown}");
        let page = Page::of(request(&server, Method::POST, "/keep").header("cookie", &value)).await;
        assert_eq!(page.status, 303, "{shown}");
        let new = page.fields("set-cookie")[0].split(['=', '.']).nth(1).unwrap();
        assert!(
            new.len() == 32 && new != id && !cookie_text.contains(new),
            "an id is never adopted: {shown}: {page:#?}"
        );
    }
    // Forged cookies do not end the session.
    assert_eq!(visitor.get(&server, "/").await.id(), Some(&id[..]));
}

/// Left over from another path or domain, or set by another application on the host.
#[tokio::test]
async fn the_cookie_that_opens_a_session_counts_beside_others_of_its_name() {
    let server = Server::new();
    let visitor = Visitor::with_session(&server).await;
    let cookie = visitor.cookie(&server);
    let id = visitor.get(&server, "/").await.id().unwrap().to_owned();
    let dead = format!("session3={}.{}", "0".repeat(32), "0".repeat(32));
    for other in [&dead, "session3=eyJhIjoxfQ.Zx.signature", "session3="] {
        for both in [format!("{cookie}; {other}"), format!("{other}; {cookie}")] {
            let page = Page::of(request(&server, Method::GET, "/").header("cookie", &both)).await;
            assert_eq!(page.id(), Some(&id[..]), "{both}");
        }
    }
    let logout = request(&server, Method::POST, "/logout").header("cookie", format!("{dead}; {cookie}"));
    assert_eq!(Page::of(logout).await.status, 303);
    assert_eq!(visitor.get(&server, "/").await.id(), None, "the live session ends");
}

fn hostile_cookies(cookie: &str, id: &str) -> Vec<Vec<u8>> {
    let (name, value) = cookie.split_once('=').unwrap();
    let secret = &value[33..];
    let other = if secret.ends_with('0') { "1" } else { "0" };
    let zeros = "0".repeat(32);
    let mut cookies: Vec<Vec<u8>> = [
        "session".into(),
        "session3=".into(),
        "session3=.".into(),
        "session3=None".into(),
        "session3=*del*".into(),
        "session3=alice".into(),
        "session3=../../../etc/passwd".into(),
        format!("session3=../sessions/{id}.{secret}"),
        format!("session3={id}"),
        format!("session3={id}."),
        format!("session3={id}.{}", &secret[..31]),
        format!("session3={id}.{secret}0"),
        format!("session3={id}.{}{other}", &secret[..31]),
        format!("session3={id}.{zeros}"),
        format!("session3={zeros}.{secret}"),
        format!("session3={zeros}.{zeros}"),
        format!("session3={secret}.{id}"),
        format!("session3={value}{value}"),
        format!("session3={id}{id}.{secret}"),
        format!("session3=\"{value}\"x"),
        format!("session3={}", value.to_uppercase()),
        format!("{name}x={value}"),
        format!("x{name}={value}"),
        format!("__Host-session3={value}"),
        format!("session3={}", "x".repeat(50_000)),
        format!("session3={value}{}", "0".repeat(50_000)),
        "session3=x;".repeat(5_000),
        ";,=;;= = ;".repeat(1_000),
    ]
    .map(String::into_bytes)
    .into();
    cookies.push(b"session3=\xff\xfe\x80".into());
    cookies.push([format!("session3={id}.").as_bytes(), &[0xff; 32]].concat());
    cookies
}

/// The server's response to these bytes; empty if it hangs up first.
fn answer(server: &Server, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(server.address()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let mut answer = Vec::new();
    // It may hang up before it has read everything.
    let sent = stream.write_all(request);
    match sent.and_then(|()| stream.read_to_end(&mut answer)) {
        Ok(_) => {}
        Err(error) if matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe) => {}
        Err(error) => panic!("{error}"),
    }
    String::from_utf8_lossy(&answer).into_owned()
}

/// No client library sends these.
#[tokio::test]
async fn a_cookie_that_is_no_header_field_is_refused() {
    let server = Server::new();
    let send = |cookie: &[u8]| {
        let head = format!(
            "POST /keep HTTP/1.1\r\nHost: {}\r\nContent-Length: 0\r\nConnection: close\r\nCookie: session3=",
            server.address()
        );
        answer(&server, &[head.as_bytes(), cookie, b"\r\n\r\n"].concat())
    };
    let status = |answer: &str| answer.split(' ').nth(1).unwrap_or_default().to_owned();
    assert_eq!(status(&send(b"x")), "303");
    assert_eq!(status(&send(b"a\0b")), "400");
    assert_eq!(status(&send(b"a\x01b")), "400");
    assert_eq!(status(&send(&[b'x'; 100_000])), "431");
    assert_eq!(status(&send(b"x")), "303", "the server survives");
}
