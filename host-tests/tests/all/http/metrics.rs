//! The metrics of a server, and its garbage collection.

use std::fs::File;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use host_tests::host::Host;
use host_tests::mount::ReadOnly;
use host_tests::server::{Server, private_directory};
use host_tests::tree::session_file;
use host_tests::visitor::{Page, Visitor, request};
use reqwest::{Client, Method};
use session_conformance::bindings::{Access, Contents};
use session_conformance::browser::new_session;
use session_conformance::client::data;
use session_conformance::clock::MINUTE;
use session_conformance::clock::START;
use session_conformance::harness::Harness;
use session_conformance::wait::{PATIENCE, PAUSE, wait_for};
use tokio::task::JoinSet;

const METRICS: [&str; 2] = ["--metrics", "127.0.0.1:0"];

async fn ask(server: &Server, method: Method, path: &str) -> Page {
    let url = server.metrics_url();
    let url = format!("{}{path}", url.strip_suffix("/metrics").unwrap());
    Page::of(Client::builder().no_proxy().build().unwrap().request(method, url)).await
}

async fn metrics(server: &Server) -> String {
    let page = ask(server, Method::GET, "/metrics").await;
    assert_eq!(page.status, 200, "{page:#?}");
    assert_eq!(page.fields("content-type"), ["text/plain; version=0.0.4"]);
    page.text
}

/// The value of a metric, named with its labels, if any.
#[track_caller]
fn value(metrics: &str, name: &str) -> f64 {
    let line = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {name}: {metrics}")).parse().unwrap()
}

/// Polls the metrics until they are as expected.
async fn wait_until(server: &Server, what: &str, expected: impl Fn(&str) -> bool) -> String {
    let start = Instant::now();
    loop {
        let text = metrics(server).await;
        if expected(&text) {
            return text;
        }
        assert!(start.elapsed() < PATIENCE, "not within {PATIENCE:?}: {what}: {text}");
        tokio::time::sleep(PAUSE).await;
    }
}

#[tokio::test]
async fn what_visitors_do_is_counted() {
    let server = Server::with(METRICS);
    let visitor = Visitor::with_session(&server).await;
    visitor.post(&server, "/increment", &[]).await;
    visitor.post(&server, "/login", &[("user", "alice")]).await;

    let text = metrics(&server).await;
    for (name, count) in [
        ("session3_sessions_created_total", 1.0),
        ("session3_sessions_destroyed_total", 0.0),
        ("session3_session_ids_renewed_total", 1.0),
        ("session3_logins_total", 1.0),
        ("session3_logouts_total", 0.0),
        ("session3_conflicts_total", 0.0),
        // The session, and the record of its old id.
        ("session3_operation_seconds_count{operation=\"create\"}", 2.0),
        ("session3_operation_seconds_count{operation=\"rename\"}", 1.0),
    ] {
        assert_eq!(value(&text, name), count, "{name}: {text}");
    }
    assert!(value(&text, "session3_lock_wait_seconds_count") > 0.0, "{text}");
    assert!(value(&text, "session3_operation_seconds_sum{operation=\"load\"}") > 0.0, "{text}");
    // Redirects are followed.
    assert!(value(&text, "session3_requests_total{code=\"2xx\"}") >= 3.0, "{text}");
    assert!(value(&text, "session3_requests_total{code=\"3xx\"}") >= 3.0, "{text}");
    let all = value(&text, "session3_request_seconds_count");
    assert!((6.0..20.0).contains(&all), "{text}");

    visitor.post(&server, "/logout", &[]).await;
    let text = metrics(&server).await;
    assert_eq!(value(&text, "session3_logouts_total"), 1.0);
    assert_eq!(value(&text, "session3_sessions_destroyed_total"), 1.0);
}

#[tokio::test]
async fn what_is_suspicious_is_counted_and_nobody_is_named() {
    let server = Server::with(METRICS);
    let visitor = Visitor::with_session(&server).await;
    let (cookie, secret) = (visitor.cookie(&server), visitor.secret(&server));
    let id = visitor.get(&server, "/").await.id().unwrap().to_owned();
    visitor.post(&server, "/login", &[("user", "alice")]).await;
    let renewed = visitor.get(&server, "/").await.id().unwrap().to_owned();
    let zeros = "0".repeat(32);
    for cookie in [format!("session3={renewed}.{zeros}"), format!("session3={zeros}.{zeros}")] {
        Page::of(request(&server, Method::GET, "/").header("cookie", cookie)).await;
    }
    let text = metrics(&server).await;
    assert_eq!(value(&text, "session3_suspicious_total{kind=\"wrong-secret\"}"), 1.0, "{text}");
    assert_eq!(value(&text, "session3_suspicious_total{kind=\"unknown-id\"}"), 1.0, "{text}");
    for named in [&id, &renewed, &secret, &cookie, "alice", "127.0.0.1"] {
        assert!(!text.contains(named), "{named}: {text}");
    }
}

/// Submits forms twice concurrently, until two have conflicted.
#[tokio::test]
async fn conflicts_are_counted() {
    let server = Server::with(METRICS);
    let visitor = Visitor::with_session(&server).await;
    let start = Instant::now();
    while value(&metrics(&server).await, "session3_conflicts_total") == 0.0 {
        assert!(start.elapsed() < PATIENCE, "no conflict within {PATIENCE:?}");
        let page = visitor.get(&server, "/form").await;
        let token = page.between("name=\"token\" value=\"", "\"").expect("a form").to_owned();
        let mut sent = JoinSet::new();
        for _ in 0..8 {
            let form = [("token", &token[..]), ("message", "x")];
            let request = request(&server, Method::POST, "/form").header("cookie", visitor.cookie(&server)).form(&form);
            sent.spawn(Page::of(request));
        }
        let accepted = sent.join_all().await.into_iter().filter(|page| page.status == 200).count();
        assert_eq!(accepted, 1, "a token is valid once");
    }
}

#[tokio::test]
async fn there_is_nothing_but_metrics() {
    let server = Server::with(METRICS);
    for path in ["/", "/keep", "/metrics/", "/metricsx"] {
        assert_eq!(ask(&server, Method::GET, path).await.status, 404, "{path}");
    }
    for method in [Method::POST, Method::DELETE] {
        let page = ask(&server, method.clone(), "/metrics").await;
        assert_eq!((page.status, page.fields("allow")), (405, vec!["GET, HEAD"]), "{method}");
    }
    let head = ask(&server, Method::HEAD, "/metrics").await;
    assert_eq!((head.status, &head.text[..]), (200, ""), "{head:#?}");
    assert_eq!(head.fields("content-type"), ["text/plain; version=0.0.4"]);
    assert_eq!(ask(&server, Method::GET, "/metrics?x=y").await.status, 200);
    assert_eq!(Visitor::new().get(&server, "/metrics").await.status, 404, "not on the application's port");
}

#[tokio::test]
async fn addresses_that_others_reach_are_warned_of() {
    let server = Server::with(["--metrics", "0.0.0.0:0"]);
    assert!(server.log().contains("other machines can read the metrics"), "{}", server.log());
    let server = Server::with(METRICS);
    assert!(!server.log().contains("WARN"), "{}", server.log());
}

/// A store with a session that expired years ago, and one that never expires.
async fn old_store() -> tempfile::TempDir {
    let directory = private_directory();
    let store = Host::on(directory.path()).store().await;
    store.create(Some("session-old"), &Contents { deadline: Some(START + MINUTE), ..data("x") }).await.unwrap();
    store.create(Some("session-new"), &data("x")).await.unwrap();
    directory
}

#[tokio::test]
async fn garbage_is_collected_while_the_server_runs() {
    let directory = old_store().await;
    let (old, new) = (session_file(directory.path(), "session-old"), session_file(directory.path(), "session-new"));
    let server = Server::on_with(directory.path(), METRICS.into_iter().chain(["--gc-interval", "1"]));
    wait_for("the old session is deleted", || (!old.exists()).then_some(()));
    assert!(new.exists());
    let deleted = "session3_gc_deleted_total{kind=\"expired\"}";
    wait_until(&server, "the step is counted", |text| value(text, deleted) == 1.0).await;
    let text = wait_until(&server, "the collection ends", |text| value(text, "session3_sessions_active") == 1.0).await;
    assert_eq!(value(&text, "session3_sessions_expired_total"), 1.0);
    assert!(value(&text, "session3_gc_lag_seconds") < PATIENCE.as_secs_f64());
    server.stop();
}

/// Sessions are counted at the start, including expired ones not yet collected.
#[tokio::test]
async fn without_collection_sessions_are_counted_once() {
    let directory = old_store().await;
    let server = Server::on_with(directory.path(), METRICS.into_iter().chain(["--gc-interval", "0"]));
    wait_until(&server, "the sessions are counted", |text| value(text, "session3_sessions_active") == 2.0).await;
    Visitor::with_session(&server).await;
    assert_eq!(value(&metrics(&server).await, "session3_sessions_active"), 3.0);
}

/// An unused directory contains no store.
#[tokio::test]
async fn a_collection_sets_up_no_store() {
    let server = Server::with(METRICS.into_iter().chain(["--gc-interval", "1"]));
    let collected = |text: &str| value(text, "session3_gc_lag_seconds") < 0.5;
    wait_until(&server, "some time has passed", |text| value(text, "session3_gc_lag_seconds") > 0.6).await;
    wait_until(&server, "a collection has ended", collected).await;
    let files: Vec<_> = std::fs::read_dir(server.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(files, ["session3.lock"]);
    assert!(!server.log().contains("WARN"), "{}", server.log());
}

/// A session due for a touch, and its cookie for the demo.
async fn visited_some_time_ago(path: &Path) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64;
    let host = Host::on(path).at(now - 5 * MINUTE);
    let manager = host.manager().await;
    let mut browser = new_session(&manager).await;
    browser.visit(&manager, Access::Optimistic, async |_| ()).await.unwrap();
    let (id, _) = browser.cookie().split_once('.').unwrap();
    let file = File::options().write(true).open(session_file(path, id)).unwrap();
    file.set_modified(SystemTime::now() - Duration::from_millis(5 * MINUTE)).unwrap();
    format!("session3={}", browser.cookie())
}

/// As after a disk error: pages are served, and the cause is logged once.
#[tokio::test]
async fn a_file_system_that_becomes_read_only() {
    let directory = old_store().await;
    let cookie = visited_some_time_ago(directory.path()).await;
    let server = Server::on_with(directory.path(), METRICS.into_iter().chain(["--gc-interval", "1"]));
    let mounted = ReadOnly::mount(directory.path());
    for views in 1..=3 {
        let page = Page::of(request(&server, Method::GET, "/").header("cookie", &cookie)).await;
        assert_eq!(page.status, 200, "{page:#?}");
        assert!(page.id().is_some(), "{page:#?}");
        assert_eq!(value(&metrics(&server).await, "session3_touch_failed_total"), f64::from(views));
    }
    assert_eq!(server.log().matches("touch-failed").count(), 1, "{}", server.log());
    drop(mounted);
    Page::of(request(&server, Method::GET, "/").header("cookie", &cookie)).await;
    assert_eq!(value(&metrics(&server).await, "session3_touch_failed_total"), 3.0);
}

#[tokio::test]
async fn a_collection_that_fails_is_told_once() {
    let directory = old_store().await;
    let old = session_file(directory.path(), "session-old");
    let mounted = ReadOnly::mount(&directory.path().join("sessions"));
    let server = Server::on_with(directory.path(), METRICS.into_iter().chain(["--gc-interval", "1"]));
    let lag = |text: &str| value(text, "session3_gc_lag_seconds");
    wait_until(&server, "it has failed a few times", |text| lag(text) > 3.9).await;
    assert_eq!(server.log().matches("garbage collection failed; retrying").count(), 1, "{}", server.log());
    assert!(old.exists());
    drop(mounted);
    wait_until(&server, "it works again", |text| lag(text) < 1.0).await;
    assert!(!old.exists());
    wait_for("it is logged", || server.log().contains("garbage collection works again").then_some(()));
}
