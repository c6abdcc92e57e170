//! Applications in other languages: `examples/guests`, each driven alike on `session3` and composed on unmodified
//! Wasmtime.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use host_tests::compatibility::Guest;
use host_tests::server::{Server, private_directory};
use host_tests::stock::Application;
use host_tests::visitor::{Page, Visitor, request};
use reqwest::Method;
use reqwest::header::HeaderValue;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

#[tokio::test]
#[ignore = "needs its toolchain: scripts/test --hosts"]
async fn rust() {
    guest("Rust", "rust").await;
}

#[tokio::test]
#[ignore = "needs its toolchain: scripts/test --hosts"]
async fn javascript() {
    guest("JavaScript", "javascript").await;
}

#[tokio::test]
#[ignore = "needs its toolchain: scripts/test --hosts"]
async fn python() {
    guest("Python", "python").await;
}

#[tokio::test]
#[ignore = "needs its toolchain: scripts/test --hosts"]
async fn c() {
    guest("C", "c").await;
}

/// Builds the guest, drives it on both hosts, and records that it ran.
async fn guest(language: &str, name: &str) {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    let build = root.join(format!("examples/guests/{name}/build"));
    let built = Command::new(&build).status().unwrap();
    assert!(built.success(), "{}: {built}", build.display());
    let version = Command::new(&build).arg("--version").output().unwrap();
    let version = String::from_utf8(version.stdout).unwrap();

    let component = root.join(format!("target/components/examples/counter_{name}.wasm"));
    let time = counter_with_login(|directory| Server::of_on(&component, directory)).await;
    let application = Application::compose(&component);
    let stock_time = counter_with_login(|directory| application.serve(directory)).await;

    let size = fs::metadata(&component).unwrap().len();
    println!("{language}: {size} bytes; a page in {time:?} on session3, {stock_time:?} on Wasmtime");
    Guest { guest: language, version: version.trim() }.record(name);
}

/// The tests of every guest. Returns the time of a page.
async fn counter_with_login(serve: impl Fn(&Path) -> Server) -> Duration {
    let directory = private_directory();
    let server = Arc::new(serve(directory.path()));
    visitors_are_counted_apart(&server).await;
    a_login_renews_the_id_and_a_logout_ends_the_session(&server).await;
    the_cookie_is_as_strict_as_the_connection_allows(&server).await;
    a_cookie_that_is_not_ours_is_a_new_visitor(&server).await;
    what_makes_no_sense_is_refused(&server).await;
    what_other_sites_send_is_refused(&server).await;
    no_increment_is_lost(&server).await;
    let time = time_of_a_page(&server).await;

    let visitor = Visitor::new();
    assert_eq!(home(&visitor.post(&server, "/increment", &[]).await), (1, "-"));
    let cookie = visitor.cookie(&server);
    drop(server);
    let server = serve(directory.path());
    visitor.take_cookie(&server, &cookie);
    assert_eq!(home(&visitor.get(&server, "/").await), (1, "-"), "the session outlives the server");
    time
}

/// The counter and the user on the page.
#[track_caller]
fn home(page: &Page) -> (i64, &str) {
    assert_eq!(page.status, 200, "{page:#?}");
    let state = page.text.strip_prefix("count=").and_then(|rest| rest.strip_suffix('\n')?.split_once(" user="));
    let (count, user) = state.unwrap_or_else(|| panic!("no counter: {page:#?}"));
    (count.parse().unwrap(), user)
}

/// The page for this cookie.
async fn home_of(server: &Server, cookie: &[u8]) -> Page {
    let cookie = HeaderValue::from_bytes(cookie).unwrap();
    Page::of(request(server, Method::GET, "/").header("cookie", cookie)).await
}

async fn visitors_are_counted_apart(server: &Server) {
    let [alice, bob] = [Visitor::new(), Visitor::new()];
    let page = alice.get(server, "/").await;
    assert_eq!((home(&page), page.fields("set-cookie")), ((0, "-"), vec![]), "a page view sets no cookie");
    for count in 1..=3 {
        assert_eq!(home(&alice.post(server, "/increment", &[]).await), (count, "-"));
    }
    let page = alice.get(server, "/").await;
    assert_eq!((home(&page), page.fields("set-cookie")), ((3, "-"), vec![]), "the cookie is sent once");
    assert_eq!(page.fields("cache-control"), ["no-store"]);
    assert_eq!(home(&bob.post(server, "/increment", &[]).await), (1, "-"));
    assert_eq!(home(&alice.get(server, "/").await), (3, "-"));
}

async fn a_login_renews_the_id_and_a_logout_ends_the_session(server: &Server) {
    let visitor = Visitor::new();
    visitor.post(server, "/increment", &[]).await;
    let anonymous = visitor.cookie(server);
    assert_eq!(home(&visitor.post(server, "/login", &[("user", "Zoë & Co")]).await), (1, "Zoë & Co"));
    let known = visitor.cookie(server);
    assert_ne!(id(&anonymous), id(&known));
    assert_eq!(
        home(&home_of(server, anonymous.as_bytes()).await),
        (0, "-"),
        "the cookie from before the login is invalid"
    );
    assert_eq!(home(&visitor.post(server, "/increment", &[]).await), (2, "Zoë & Co"));

    assert_eq!(home(&visitor.post(server, "/logout", &[]).await), (0, "-"));
    assert_eq!(visitor.cookie(server), "", "the cookie is deleted");
    assert_eq!(home(&home_of(server, known.as_bytes()).await), (0, "-"));
}

fn id(cookie: &str) -> &str {
    cookie.strip_prefix("session=").and_then(|value| Some(value.split_once('.')?.0)).expect("our cookie")
}

async fn the_cookie_is_as_strict_as_the_connection_allows(server: &Server) {
    const PLAIN: &str = "Path=/; HttpOnly; SameSite=Lax";
    const STRICT: &str = "Path=/; HttpOnly; SameSite=Lax; Secure";
    for (host, name, attributes) in [
        (server.address(), "session", PLAIN),
        ("localhost", "session", PLAIN),
        ("127.0.0.1", "session", PLAIN),
        ("[::1]:8080", "session", PLAIN),
        ("[::1]", "session", PLAIN),
        ("example.com", "__Host-session", STRICT),
        ("localhost.example.com:80", "__Host-session", STRICT),
        ("127.0.0.1.example.com", "__Host-session", STRICT),
    ] {
        let page = Page::of(request(server, Method::POST, "/increment").header("host", host)).await;
        assert_eq!((page.status, page.fields("location")), (303, vec!["/"]), "{host}");
        assert_eq!((page.fields("cache-control"), page.fields("vary")), (vec!["no-store"], vec!["Cookie"]), "{host}");
        let fields = page.fields("set-cookie");
        let [field] = fields[..] else { panic!("one cookie is set: {page:#?}") };
        let (cookie, set_attributes) = field.split_once("; ").unwrap();
        assert_eq!((cookie.split_once('=').unwrap().0, set_attributes), (name, attributes), "{host}");
    }
}

async fn a_cookie_that_is_not_ours_is_a_new_visitor(server: &Server) {
    let visitor = Visitor::new();
    visitor.post(server, "/increment", &[]).await;
    let cookie = visitor.cookie(server);
    let last = if cookie.ends_with('0') { "1" } else { "0" };
    let wrong_secret = format!("{}{last}", &cookie[..cookie.len() - 1]);
    let long = format!("session={}", "x".repeat(5000));
    let not_utf8 = b"session=\xff\xfe\x80; x=\xc3\x28";
    for hostile in [wrong_secret.as_bytes(), b"session=../../etc/passwd", b"session", b";,=", long.as_bytes(), not_utf8]
    {
        let page = home_of(server, hostile).await;
        assert_eq!(
            (home(&page), page.fields("set-cookie")),
            ((0, "-"), vec![]),
            "{}",
            String::from_utf8_lossy(hostile)
        );
    }
    let among_others = [b"other=\xff; ", cookie.as_bytes(), b"; more=1"].concat();
    assert_eq!(home(&home_of(server, &among_others).await), (1, "-"), "others' cookies do not hide ours");
}

async fn what_makes_no_sense_is_refused(server: &Server) {
    let visitor = Visitor::new();
    visitor.post(server, "/login", &[("user", "alice")]).await;
    let cookie = visitor.cookie(server);
    let long = |length| format!("user={}", "a".repeat(length)).into_bytes();
    for (method, path, body, status) in [
        (Method::GET, "/nowhere", vec![], 404),
        (Method::POST, "/increment/", vec![], 404),
        (Method::GET, "/constructor", vec![], 404),
        (Method::GET, "//", vec![], 404),
        (Method::POST, "/", vec![], 405),
        (Method::GET, "/increment", vec![], 405),
        (Method::GET, "/login?user=mallory", vec![], 405),
        (Method::PUT, "/logout", vec![], 405),
        (Method::from_bytes(b"BREW").unwrap(), "/logout", vec![], 405),
        (Method::POST, "/login", vec![], 400),
        (Method::POST, "/login", b"user=".into(), 400),
        (Method::POST, "/login", b"name=mallory&&=&%".into(), 400),
        (Method::POST, "/login", b"\0\xff\xfe".into(), 400),
        (Method::POST, "/login", long(257), 400),
        (Method::POST, "/login", long(4097), 413),
        (Method::POST, "/login", long(20_000), 413),
    ] {
        let what = format!("{method} {path} with {} bytes", body.len());
        let page = Page::of(request(server, method, path).header("cookie", &cookie).body(body)).await;
        assert_eq!(page.status, status, "{what}: {page:#?}");
        assert_eq!(page.fields("set-cookie"), [""; 0], "{what}");
        assert_eq!(page.fields("allow").len(), usize::from(status == 405), "{what}: {page:#?}");
        assert!(page.text.len() < 100, "{what}: {page:#?}");
    }
    let head = Page::of(request(server, Method::HEAD, "/?utm_source=x").header("cookie", &cookie).body(vec![])).await;
    assert_eq!((head.status, &*head.text), (200, ""), "{head:#?}");
    let answer = answer_to_half_a_form(server, &cookie).await;
    assert!(["", "400"].contains(&&*answer), "{answer}");
    assert_eq!(home(&visitor.get(server, "/").await), (0, "alice"), "none of these changed the session");

    assert_eq!(home(&visitor.post(server, "/login", &[("user", &*"a".repeat(256))]).await), (0, &*"a".repeat(256)));
    // Replaced or refused, as is usual in the language; never the end of the instance.
    let page = Page::of(request(server, Method::POST, "/login").body(b"user=%FF%FE\xc3".to_vec())).await;
    assert!([303, 400].contains(&page.status), "{page:#?}");
}

async fn what_other_sites_send_is_refused(server: &Server) {
    let ours = format!("http://{}", server.address());
    for (name, value, status) in [
        ("origin", "http://elsewhere.example", 403),
        ("origin", "null", 403),
        ("sec-fetch-site", "cross-site", 403),
        ("sec-fetch-site", "same-site", 403),
        ("sec-fetch-site", "same-origin", 303),
        ("origin", &ours, 303),
    ] {
        let login = request(server, Method::POST, "/login").header(name, value).body(b"user=mallory".to_vec());
        assert_eq!(Page::of(login).await.status, status, "{name}: {value}");
    }
}

/// The status, or empty if the server just hangs up.
async fn answer_to_half_a_form(server: &Server, cookie: &str) -> String {
    let head = format!("POST /login HTTP/1.1\r\nHost: {}\r\nCookie: {cookie}\r\n", server.address());
    let mut connection = TcpStream::connect(server.address()).await.unwrap();
    connection.write_all(format!("{head}Content-Length: 100\r\n\r\nuser=mallory").as_bytes()).await.unwrap();
    connection.shutdown().await.unwrap();
    let mut answer = String::new();
    // A reset counts as an end.
    let _ = connection.read_to_string(&mut answer).await;
    answer.split(' ').nth(1).unwrap_or_default().into()
}

async fn no_increment_is_lost(server: &Arc<Server>) {
    const CLIENTS: i64 = 4;
    const TIMES: i64 = 50;
    let visitor = Visitor::new();
    visitor.post(server, "/login", &[("user", "alice")]).await;
    let cookie = visitor.cookie(server);
    let mut clients = JoinSet::new();
    for _ in 0..CLIENTS {
        let (server, cookie) = (server.clone(), cookie.clone());
        clients.spawn(async move {
            for _ in 0..TIMES {
                let page = Page::of(request(&server, Method::POST, "/increment").header("cookie", &cookie)).await;
                assert_eq!(page.status, 303, "{page:#?}");
            }
        });
    }
    clients.join_all().await;
    assert_eq!(home(&visitor.get(server, "/").await), (CLIENTS * TIMES, "alice"));
}

/// The median.
async fn time_of_a_page(server: &Server) -> Duration {
    let visitor = Visitor::new();
    visitor.post(server, "/increment", &[]).await;
    let mut times = Vec::new();
    for _ in 0..101 {
        let start = Instant::now();
        visitor.get(server, "/").await;
        times.push(start.elapsed());
    }
    times.sort_unstable();
    times[times.len() / 2]
}
