//! An attacker with a cookie, part of one, or a copy of the disk.

use host_tests::host::Host;
use host_tests::server::Server;
use host_tests::tree::tree;
use host_tests::visitor::{Page, Visitor, request};
use reqwest::Method;
use session_conformance::bindings::Access::{Exclusive, Optimistic, ReadOnly};
use session_conformance::browser::{Browser, new_session};
use session_conformance::client::{Manager, Session};
use session_conformance::harness::Harness;

const NAME: &str = "__Host-session";

/// The cookie opens no session in any access mode, and leaves all sessions unchanged.
async fn finds_nothing(manager: &Manager, host: &Host, cookie: &str, what: &str) {
    let before = tree(host.path());
    for access in [ReadOnly, Optimistic, Exclusive] {
        let mut thief = Browser::with(NAME, cookie);
        let found = thief.visit(manager, access, async |session| (session.id().await, session.len().await)).await;
        assert_eq!(found.unwrap(), (None, 0), "{what}, {access:?}");
    }
    assert_eq!(tree(host.path()), before, "{what}");
}

/// The session's stored hash of its secret, in hex: as a whole, twice as long as a secret.
async fn hash_on_the_disk(host: &Host, id: &str) -> String {
    let data = host.store().await.load(id).await.unwrap().unwrap().data;
    data[2..34].iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test]
async fn guesses_and_copies_the_disk() {
    let host = Host::new();
    let manager = host.manager().await;
    let [a, b] = [new_session(&manager).await, new_session(&manager).await];
    let [(a_id, a_secret), (b_id, b_secret)] = [&a, &b].map(|browser| browser.cookie().split_once('.').unwrap());
    let hash = hash_on_the_disk(&host, a_id).await;
    let rows = [
        ("guessed: zeros", format!("{a_id}.{}", "0".repeat(32))),
        ("guessed: ones", format!("{a_id}.{}", "f".repeat(32))),
        ("the id as the secret", format!("{a_id}.{a_id}")),
        ("of another session", format!("{a_id}.{b_secret}")),
        ("for another session", format!("{b_id}.{a_secret}")),
        ("no secret", a_id.into()),
        ("an empty secret", format!("{a_id}.")),
        ("the hash", format!("{a_id}.{hash}")),
        ("the first half of the hash", format!("{a_id}.{}", &hash[..32])),
        ("the second half of the hash", format!("{a_id}.{}", &hash[32..])),
    ];
    for (what, cookie) in rows {
        finds_nothing(&manager, &host, &cookie, what).await;
    }
    for browser in [a, b] {
        assert!(browser.clone().look(&manager).await.is_some(), "the owner still has it");
    }
}

/// A previously stolen cookie is worthless, even combined with the new id or the new secret.
#[tokio::test]
async fn replays() {
    type Work = AsyncWork;
    enum AsyncWork {
        Logout,
        Login,
        Regenerate,
        Clear,
    }
    async fn work(session: &Session, work: &Work) {
        match work {
            Work::Logout => session.expire().await,
            Work::Login => session.set_user(Some("ann")).await,
            Work::Regenerate => session.regenerate().await,
            Work::Clear => session.clear().await,
        }
        .unwrap();
    }
    let host = Host::new();
    let manager = host.manager().await;
    for (what, change) in
        [("logout", Work::Logout), ("login", Work::Login), ("regenerate", Work::Regenerate), ("clear", Work::Clear)]
    {
        for access in [Optimistic, Exclusive] {
            let mut browser = new_session(&manager).await;
            let stolen = browser.cookie().to_owned();
            browser.visit(&manager, access, async |session| work(session, &change).await).await.unwrap();
            finds_nothing(&manager, &host, &stolen, what).await;
            if browser.has_cookie() {
                let [(id, secret), (old_id, old_secret)] =
                    [browser.cookie(), &stolen].map(|cookie| cookie.split_once('.').unwrap());
                finds_nothing(&manager, &host, &format!("{id}.{old_secret}"), what).await;
                finds_nothing(&manager, &host, &format!("{old_id}.{secret}"), what).await;
                assert!(browser.look(&manager).await.is_some(), "{what}: the owner still has it");
            }
        }
    }
}

/// The status of `/`, the id shown and the counter, for a cookie.
async fn seen(server: &Server, cookie: &str) -> (Option<String>, i64) {
    let page = Page::of(request(server, Method::GET, "/").header("cookie", cookie)).await;
    assert_eq!(page.status, 200);
    (page.id().map(str::to_owned), page.counter())
}

#[tokio::test]
async fn over_http() {
    let server = Server::new();
    let [a, b] = [Visitor::with_session(&server).await, Visitor::with_session(&server).await];
    let [a_cookie, b_cookie] = [a.cookie(&server), b.cookie(&server)];
    let mut stolen = vec![
        a_cookie.replace(&a.secret(&server), &b.secret(&server)),
        b_cookie.replace(&b.secret(&server), &a.secret(&server)),
        a_cookie.clone(),
    ];
    a.post(&server, "/login", &[("user", "alice")]).await;
    assert_eq!(a.post(&server, "/increment", &[]).await.counter(), 1);
    stolen.extend([a.cookie(&server), a.cookie(&server).replace(&a.secret(&server), &"0".repeat(32))]);
    a.post(&server, "/logout", &[]).await;
    for cookie in stolen {
        assert_eq!(seen(&server, &cookie).await, (None, 0));
        let page = Page::of(request(&server, Method::POST, "/increment").header("cookie", &cookie)).await;
        let new = page.fields("set-cookie")[0];
        assert!(!new.contains(&cookie[..40]), "a new session, not the old one: {new}");
    }
    assert_eq!(seen(&server, &b_cookie).await.0, b.get(&server, "/").await.id().map(str::to_owned));
}
