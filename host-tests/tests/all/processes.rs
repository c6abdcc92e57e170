//! Several server processes on one directory.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};

use host_tests::command::session3;
use host_tests::server::{Server, private_directory};
use host_tests::tree::{named, tree};
use host_tests::visitor::{Visitor, request};
use nix::sys::signal::Signal;
use reqwest::{Method, StatusCode};
use tokio::task::JoinSet;

const WORKERS: usize = 4;

/// One increment, and whether it was acknowledged. It was not when the server has been killed.
async fn increment(server: &Server, cookie: &str) -> bool {
    match request(server, Method::GET, "/increment").header("cookie", cookie).send().await {
        Ok(answer) => {
            assert_eq!(answer.status(), StatusCode::SEE_OTHER);
            true
        }
        Err(_) => false,
    }
}

fn assert_one_lock_file(server: &Server) {
    assert_eq!(named(server.path(), "session3.lock").len(), 1);
    let locks: Vec<_> = tree(server.path()).into_keys().filter(|path| path.contains("lock")).collect();
    assert_eq!(locks, ["session3.lock"]);
}

#[tokio::test]
async fn two_servers_on_one_directory_lose_no_increment() {
    let directory = private_directory();
    let servers = Arc::new([Server::on(directory.path()), Server::on(directory.path())]);
    let visitor = Visitor::with_session(&servers[0]).await;
    let mut workers = JoinSet::new();
    for worker in 0..WORKERS {
        let (servers, cookie) = (servers.clone(), visitor.cookie(&servers[0]));
        workers.spawn(async move {
            for index in 0..100 {
                assert!(increment(&servers[(worker + index) % 2], &cookie).await);
            }
        });
    }
    while let Some(worker) = workers.join_next().await {
        worker.unwrap();
    }
    for server in &servers[..] {
        assert_eq!(visitor.get(server, "/").await.counter(), 400);
    }
    assert_one_lock_file(&servers[0]);
}

/// What one server did, the other knows at once: a login, a logout, a used token.
#[tokio::test]
async fn what_one_server_ends_is_ended_for_the_other() {
    let directory = private_directory();
    let [one, two] = [Server::on(directory.path()), Server::on(directory.path())];
    let visitor = Visitor::new();
    let form = visitor.get(&one, "/form").await;
    let fields = [("token", form.between(r#"name="token" value=""#, "\"").unwrap()), ("message", "x")];
    assert_eq!(visitor.post(&two, "/form", &fields).await.status, 200);
    assert_eq!(visitor.post(&one, "/form", &fields).await.status, 403);
    let id = visitor.post(&one, "/login", &[("user", "alice")]).await.id().map(str::to_owned);
    assert_eq!(visitor.get(&two, "/").await.id(), id.as_deref());
    let cookie = visitor.cookie(&one);
    visitor.get(&two, "/logout").await;
    let page = request(&one, Method::GET, "/").header("cookie", cookie).send().await.unwrap();
    assert!(page.text().await.unwrap().contains("Your session ID is None"));
}

/// Guarantees I1 and I7: a killed server leaves no lock and no half of a session behind.
#[tokio::test]
async fn the_others_go_on_when_a_server_is_killed() {
    const BEFORE: usize = 60;
    const AFTER: usize = 100;
    let directory = private_directory();
    let survivor = Arc::new(Server::on(directory.path()));
    let visitor = Visitor::with_session(&survivor).await;
    let cookie = visitor.cookie(&survivor);
    let (acknowledged, unanswered) = (Arc::new(AtomicI64::new(0)), Arc::new(AtomicI64::new(0)));

    for _ in 0..3 {
        let victim = Arc::new(Server::on(directory.path()));
        let done = Arc::new(AtomicUsize::new(0));
        let mut workers = JoinSet::new();
        for worker in 0..WORKERS {
            let (survivor, victim, cookie) = (survivor.clone(), victim.clone(), cookie.clone());
            let (acknowledged, unanswered, done) = (acknowledged.clone(), unanswered.clone(), done.clone());
            workers.spawn(async move {
                while done.load(Ordering::Relaxed) < BEFORE + AFTER {
                    let server = if worker % 2 == 0 { &victim } else { &survivor };
                    if increment(server, &cookie).await {
                        acknowledged.fetch_add(1, Ordering::Relaxed);
                        // In the middle of it: the others' requests are under way.
                        if done.fetch_add(1, Ordering::Relaxed) == BEFORE {
                            victim.signal(Signal::SIGKILL);
                        }
                    } else {
                        unanswered.fetch_add(1, Ordering::Relaxed);
                        return;
                    }
                }
            });
        }
        while let Some(worker) = workers.join_next().await {
            worker.unwrap();
        }
    }

    let count = visitor.get(&survivor, "/").await.counter();
    let acknowledged = acknowledged.load(Ordering::Relaxed);
    assert!(
        (acknowledged..=acknowledged + unanswered.load(Ordering::Relaxed)).contains(&count),
        "{acknowledged} of {count}"
    );
    assert!(acknowledged >= 3 * (BEFORE + AFTER) as i64);
    assert_one_lock_file(&survivor);
    assert_eq!(tree(directory.path()).into_keys().find(|path| path.contains("quarantine/")), None);
    let listed = session3(["ls", "--json", "--dir"]).arg(directory.path()).output().unwrap();
    let (out, err) = (String::from_utf8(listed.stdout).unwrap(), String::from_utf8(listed.stderr).unwrap());
    assert!(listed.status.success(), "{err}");
    assert!(!err.contains("cannot be read"), "{err}");
    assert_eq!(out.lines().count(), 1, "{out}");
}
