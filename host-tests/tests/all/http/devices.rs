//! A user's devices: listed, and logged out one by one or all at once, after recent authentication.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use host_tests::host::Host;
use host_tests::server::Server;
use host_tests::visitor::{Page, Visitor};
use session_conformance::bindings::Access::Optimistic;
use session_conformance::client::Manager;
use session_conformance::clock::MINUTE;
use session_conformance::harness::Harness;

const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";

async fn logged_in(server: &Server, user: &str) -> Visitor {
    let visitor = Visitor::with_user_agent(FIREFOX);
    assert_eq!(visitor.post(server, "/login", &[("user", user)]).await.status, 200);
    visitor
}

async fn id(server: &Server, visitor: &Visitor) -> Option<String> {
    visitor.get(server, "/").await.id().map(str::to_owned)
}

#[tokio::test]
async fn each_is_shown_with_what_tells_it_from_the_others() {
    let server = Server::new();
    let visitor = logged_in(&server, "ann").await;
    logged_in(&server, "bob").await;
    let rows = [
        ("curl/8.5.0", "curl"),
        ("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;"),
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 Edg/140.0",
            "Edge on Windows",
        ),
        (
            "Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile Safari/537.36",
            "Chrome on Android",
        ),
        (
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Safari/605.1.15",
            "Safari on macOS",
        ),
    ];
    for (agent, _) in rows {
        Visitor::with_user_agent(agent).post(&server, "/login", &[("user", "ann"), ("remember", "yes")]).await;
    }
    let page = visitor.get(&server, "/devices").await;
    for (_, name) in rows {
        assert!(page.text.contains(&format!(r#"<h2 class="device">{name}"#)), "{name}: {page:#?}");
    }
    assert!(page.text.contains(&format!("User agent: {FIREFOX}<")), "{page:#?}");
    for (text, count) in [
        (r#"class="device">"#, 6),
        (r#">Firefox on Linux</h2> <span class="badge good">this one</span>"#, 1),
        (">remembered<", 5),
        ("<dd>127.0.0.1</dd>", 6),
        ("<script", 0),
    ] {
        assert_eq!(page.text.matches(text).count(), count, "{text}: {page:#?}");
    }
}

#[tokio::test]
async fn one_logs_another_out() {
    let server = Server::new();
    let (own, other, third) =
        (logged_in(&server, "ann").await, logged_in(&server, "ann").await, logged_in(&server, "ann").await);
    let ended = id(&server, &other).await.unwrap();
    let page = own.post(&server, "/devices/end", &[("id", &ended)]).await;
    assert_eq!(page.notice(), Some("Logged out: Firefox on Linux."));
    assert!(!page.text.contains(&ended), "{page:#?}");
    assert_eq!(id(&server, &other).await, None);
    assert!(id(&server, &third).await.is_some());
    let page = own.post(&server, "/devices/end", &[("id", &ended)]).await;
    assert_eq!(page.notice(), Some("That session had ended already."));
    let own_id = id(&server, &own).await.unwrap();
    assert_eq!(own.post(&server, "/devices/end", &[("id", &own_id)]).await.status, 400);
    assert_eq!(id(&server, &own).await, Some(own_id));
}

/// Ids are not secret.
#[tokio::test]
async fn nobody_logs_somebody_else_out() {
    let server = Server::new();
    let (ann, bob, nobody) = (logged_in(&server, "ann").await, logged_in(&server, "bob").await, Visitor::new());
    let id_of_bob = id(&server, &bob).await.unwrap();
    ann.post(&server, "/devices/end", &[("id", &id_of_bob)]).await;
    ann.post(&server, "/devices/end-others", &[]).await;
    ann.post(&server, "/devices/end-all", &[]).await;
    for path in ["/devices/end", "/devices/end-others", "/devices/end-all", "/devices/confirm"] {
        assert_eq!(nobody.post(&server, path, &[("id", &id_of_bob), ("confirm", "bob")]).await.status, 403, "{path}");
    }
    assert_eq!(id(&server, &bob).await, Some(id_of_bob));
    assert!(nobody.get(&server, "/devices").await.text.contains("Nobody is logged in."));
}

#[tokio::test]
async fn all_others_are_logged_out() {
    let server = Server::new();
    let (own, other, third) =
        (logged_in(&server, "ann").await, logged_in(&server, "ann").await, logged_in(&server, "ann").await);
    let page = own.post(&server, "/devices/end-others", &[]).await;
    assert_eq!(page.notice(), Some("2 other sessions have ended."));
    assert!(!page.text.contains("Log out all others"), "{page:#?}");
    assert!(id(&server, &own).await.is_some());
    assert_eq!((id(&server, &other).await, id(&server, &third).await), (None, None));
}

#[tokio::test]
async fn all_are_logged_out() {
    let server = Server::new();
    let (own, other) = (logged_in(&server, "ann").await, logged_in(&server, "ann").await);
    let page = own.post(&server, "/devices/end-all", &[]).await;
    assert_eq!((page.notice(), page.id()), (Some("Logged out everywhere. All sessions have ended."), None));
    assert_eq!(own.cookie(&server), "", "the cookie is deleted");
    assert_eq!(id(&server, &other).await, None);
}

/// A manager on the server's store, `minutes` ago.
async fn manager_before(server: &Server, minutes: u64) -> Manager {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let before = now - Duration::from_millis(minutes * MINUTE);
    Host::on(server.path()).at(before.as_millis() as u64).manager().await
}

/// An account used by programs may have thousands.
#[tokio::test]
async fn many_are_shown_page_by_page() {
    let server = Server::new();
    let manager = manager_before(&server, 5).await;
    for _ in 0..45 {
        let session = manager.start(&[], None, Optimistic).await.unwrap();
        session.set_user(Some("ann")).await.unwrap();
        manager.finish(session).await.unwrap();
    }
    let own = logged_in(&server, "ann").await;
    let mut seen = BTreeSet::new();
    let mut path = "/devices".to_owned();
    for number in 1.. {
        let page = own.get(&server, &path).await.text;
        let ids: Vec<_> = page.split("Session ID: <code>").skip(1).map(|rest| rest[..32].to_owned()).collect();
        assert_eq!(page.matches("this one</span>").count(), 1, "the current one is on each page: {page}");
        assert!(page.contains("Log out all others") && ids.len() <= 21, "{page}");
        assert_eq!(page.contains(r#"href="/devices">first page"#), number > 1, "{page}");
        seen.extend(ids);
        let Some((_, next)) = page.split_once(r#"rel="next" href=""#) else {
            assert_eq!(number, 3);
            break;
        };
        path = next.split('"').next().unwrap().to_owned();
    }
    assert_eq!(seen.len(), 46);
    for beyond in ["/devices?page=9", "/devices?page=4294967295", "/devices?page=x", "/devices?page=0"] {
        assert_eq!(own.get(&server, beyond).await.status, 200, "{beyond}");
    }
}

/// A visitor who logged in twenty minutes ago.
async fn logged_in_before(server: &Server) -> Visitor {
    let manager = manager_before(server, 20).await;
    let session = manager.start(&[], None, Optimistic).await.unwrap();
    session.set_user(Some("ann")).await.unwrap();
    let fields = manager.finish(session).await.unwrap();
    let (_, cookie) = fields.iter().find(|(name, _)| name == "set-cookie").unwrap();
    let (_, value) = cookie.split_once('=').unwrap();
    let visitor = Visitor::with_user_agent(FIREFOX);
    visitor.take_cookie(server, &format!("session3={}; Path=/", value.split(';').next().unwrap()));
    visitor
}

fn asks(page: &Page) -> bool {
    page.status == 403 && page.text.contains("Confirm that it is you</h1>")
}

#[tokio::test]
async fn who_logged_in_long_ago_proves_again_who_they_are() {
    let server = Server::new();
    let (own, other) = (logged_in_before(&server).await, logged_in(&server, "ann").await);
    let ended = id(&server, &other).await.unwrap();
    let before = own.cookie(&server);

    let page = own.post(&server, "/devices/end", &[("id", &ended)]).await;
    assert!(asks(&page), "{page:#?}");
    assert!(page.text.contains(&format!(r#"name="id" value="{ended}""#)), "the request is kept: {page:#?}");
    for path in ["/devices/end-others", "/devices/end-all"] {
        assert!(asks(&own.post(&server, path, &[]).await), "{path}");
    }
    for name in ["", "bob"] {
        let page = own.post(&server, "/devices/end", &[("id", &ended), ("confirm", name)]).await;
        assert!(asks(&page) && page.text.contains("That is not the name"), "{page:#?}");
    }
    assert_eq!(id(&server, &other).await.as_ref(), Some(&ended), "nothing has ended");
    assert_eq!(own.cookie(&server), before);

    let page = own.post(&server, "/devices/end", &[("id", &ended), ("confirm", "ann")]).await;
    assert_eq!(page.notice(), Some("Logged out: Firefox on Linux."));
    assert_eq!(id(&server, &other).await, None);
    assert_ne!(own.cookie(&server), before, "a cookie with more rights is a new cookie");
    let page = own.post(&server, "/devices/end-others", &[]).await;
    assert_eq!(page.notice(), Some("There were no other sessions."), "no second confirmation");
}

#[tokio::test]
async fn confirming_is_good_for_what_follows() {
    let server = Server::new();
    let visitor = logged_in_before(&server).await;
    assert!(visitor.get(&server, "/devices/confirm").await.text.contains("Confirm that it is you</h1>"));
    assert!(asks(&visitor.post(&server, "/devices/confirm", &[("confirm", "bob")]).await));
    assert_eq!(
        visitor.post(&server, "/devices/confirm", &[("confirm", "ann")]).await.notice(),
        Some("Confirmed: it is you.")
    );
    assert_eq!(visitor.post(&server, "/devices/end-all", &[]).await.status, 200);
}
