//! Several server processes on one directory.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};

use host_tests::command::session3;
use host_tests::host::Host;
use host_tests::server::{Server, private_directory};
use host_tests::tree::{named, tree};
use host_tests::visitor::{Visitor, request};
use nix::sys::signal::Signal;
use reqwest::{Method, StatusCode};
use session_conformance::harness::Harness;
use session_runtime::LockSpace;
use tokio::task::JoinSet;

const WORKERS: usize = 4;

/// One increment; returns whether it was acknowledged. It is not if the server was killed.
async fn increment(server: &Server, cookie: &str) -> bool {
    match request(server, Method::POST, "/increment").header("cookie", cookie).send().await {
        Ok(answer) => {
            assert_eq!(answer.status(), StatusCode::SEE_OTHER);
            true
        }
        Err(_) => false,
    }
}

/// 100 increments by each of several clients, alternating between two servers. All are acknowledged.
async fn increment_at(servers: &Arc<[Server; 2]>, cookie: &str) {
    let mut workers = JoinSet::new();
    for worker in 0..WORKERS {
        let (servers, cookie) = (servers.clone(), cookie.to_owned());
        workers.spawn(async move {
            for index in 0..100 {
                assert!(increment(&servers[(worker + index) % 2], &cookie).await);
            }
        });
    }
    while let Some(worker) = workers.join_next().await {
        worker.unwrap();
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
    increment_at(&servers, &visitor.cookie(&servers[0])).await;
    for server in &servers[..] {
        assert_eq!(visitor.get(server, "/").await.counter(), 400);
    }
    assert_one_lock_file(&servers[0]);
}

/// A login, a logout or a used token on one server takes effect on the other at once.
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
    visitor.post(&two, "/logout", &[]).await;
    let page = request(&one, Method::GET, "/").header("cookie", cookie).send().await.unwrap();
    assert!(page.text().await.unwrap().contains("Your session ID is None"));
}

/// Guarantees I1 and I7: a killed server leaves no lock and no partial session behind.
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
                        // In the middle of the run: other requests are in flight.
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

/// By a cleaner of old files, say. Otherwise each server would lock a different file.
#[tokio::test]
async fn no_increment_is_lost_when_the_lock_file_is_removed() {
    let directory = private_directory();
    let first = Server::on(directory.path());
    let visitor = Visitor::with_session(&first).await;
    let cookie = visitor.cookie(&first);
    fs::remove_file(directory.path().join("session3.lock")).unwrap();
    let servers = Arc::new([first, Server::on(directory.path())]);
    increment_at(&servers, &cookie).await;
    let counting = increment_at(&servers, &cookie);
    let removing = async {
        for _ in 0..50 {
            let _ = fs::remove_file(directory.path().join("session3.lock"));
            visitor.get(&servers[0], "/").await;
        }
    };
    tokio::join!(counting, removing);
    assert_eq!(visitor.get(&servers[1], "/").await.counter(), 800);
    assert!(servers[0].log().contains("session3.lock was removed or replaced"), "{}", servers[0].log());
}

/// A process started after the removal cannot see the removed lock file, and still does not get the lock.
#[tokio::test]
async fn a_lock_in_a_file_that_was_removed_is_respected() {
    let directory = private_directory();
    let server = Server::on(directory.path());
    let visitor = Visitor::with_session(&server).await;
    let id = visitor.get(&server, "/").await.id().unwrap().to_owned();
    let locks = LockSpace::machine(directory.path().join("session3.lock")).unwrap();
    let store = Host::on(directory.path()).with_locks(locks).store().await;
    let guard = store.lock_now(&id).await.unwrap();
    fs::remove_file(directory.path().join("session3.lock")).unwrap();
    let remove = || session3(["rm", &id, "--dir"]).arg(directory.path()).output().unwrap();
    let refused = remove();
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(!refused.status.success() && said.contains("another process holds the session"), "{said}");
    assert!(said.contains("waiting for locks in a lock file that is no longer at its path"), "{said}");
    guard.close().await;
    assert!(remove().status.success());
}

/// All users are logged out, and the server continues.
#[tokio::test]
async fn a_directory_is_emptied_or_replaced_under_a_server() {
    for reuse in ["1", "100"] {
        let parent = private_directory();
        let directory = parent.path().join("sessions");
        let server = Server::on_with(&directory, ["--reuse", reuse]);
        let visitor = Visitor::new();
        let count = async |expected| {
            visitor.post(&server, "/increment", &[]).await;
            assert_eq!(visitor.get(&server, "/").await.counter(), expected, "{}", server.log());
        };
        count(1).await;
        empty(&directory);
        count(1).await;
        count(2).await;
        fs::rename(&directory, parent.path().join("away")).unwrap();
        fs::create_dir(&directory).unwrap();
        fs::set_permissions(&directory, Permissions::from_mode(0o700)).unwrap();
        count(1).await;
        assert!(server.log().contains("was replaced by another directory"), "{}", server.log());
        let second = Server::on(&directory);
        visitor.post(&second, "/increment", &[]).await;
        count(3).await;
    }
}

fn empty(directory: &Path) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) }.unwrap();
    }
}

/// At start-up it would be refused.
#[tokio::test]
async fn a_directory_that_others_can_read_later_is_told() {
    let parent = private_directory();
    let directory = parent.path().join("sessions");
    let server = Server::on(&directory);
    let visitor = Visitor::with_session(&server).await;
    fs::set_permissions(&directory, Permissions::from_mode(0o755)).unwrap();
    for _ in 0..3 {
        assert_eq!(visitor.get(&server, "/").await.status, 200);
    }
    assert_eq!(server.log().matches("other users have access to").count(), 1, "{}", server.log());
    // A replacement directory is refused until it is private.
    fs::rename(&directory, parent.path().join("away")).unwrap();
    fs::create_dir(&directory).unwrap();
    fs::set_permissions(&directory, Permissions::from_mode(0o755)).unwrap();
    for _ in 0..2 {
        assert_eq!(visitor.get(&server, "/").await.status, 500);
    }
    assert_eq!(fs::read_dir(&directory).unwrap().count(), 0);
    assert!(server.log().matches("chmod 700").count() > 1, "{}", server.log());
    fs::set_permissions(&directory, Permissions::from_mode(0o700)).unwrap();
    assert_eq!(visitor.get(&server, "/").await.status, 200);
}

/// In-process locks exclude no other process.
#[tokio::test]
async fn a_server_that_is_alone_and_others_refuse_each_other() {
    let directory = private_directory();
    let refused = |arguments: &[&str], words: &str| {
        let refused = session3(arguments.iter().copied()).arg("--dir").arg(directory.path()).output().unwrap();
        let said = String::from_utf8(refused.stderr).unwrap();
        assert!(refused.status.code() == Some(1) && said.contains(words), "{arguments:?}: {said}");
    };
    const ALONE: [&str; 5] = ["demo", "--listen", "127.0.0.1:0", "--scope", "process"];
    let alone = Server::on_with(directory.path(), ["--scope", "process"]);
    let visitor = Visitor::with_session(&alone).await;
    let id = visitor.get(&alone, "/").await.id().unwrap().to_owned();
    refused(&ALONE, "other processes use it");
    for arguments in [&ALONE[..3], &["rm", &id], &["gc"]] {
        refused(arguments, "run it with `--scope machine`");
    }
    assert_eq!(visitor.get(&alone, "/").await.id(), Some(&id[..]));
    alone.stop();
    let _shared = Server::on(directory.path());
    refused(&ALONE, "other processes use it");
    assert!(session3(["rm", &id, "--dir"]).arg(directory.path()).output().unwrap().status.success());
}

/// Nor do they exclude hosts with file locks, which look for its lock file.
#[tokio::test]
async fn a_server_that_is_alone_has_a_lock_file() {
    let server = Server::with(["--scope", "process"]);
    Visitor::with_session(&server).await;
    assert_one_lock_file(&server);
}
