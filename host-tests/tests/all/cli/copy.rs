//! `session3 copy`, from one store to another.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use host_tests::command::session3;
use host_tests::redis::Redis;
use host_tests::server::{Server, private_directory};
use host_tests::tree::session_file;
use host_tests::visitor::Visitor;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};
use session_conformance::wait::wait_for;

use super::signals::files;
use super::{ended, fails, filled, objects, store_of};

fn url(directory: &Path) -> String {
    format!("file:{}", directory.display())
}

fn copy(from: &str, to: &str, options: &[&str]) -> Command {
    let mut command = session3(["copy", "--from", from, "--to", to].into_iter().chain(options.iter().copied()));
    command.env_remove("SESSION3_STORE_PASSWORD");
    command
}

/// The counts of a successful copy, in the order of the report.
#[track_caller]
fn copied(from: &str, to: &str) -> [i64; 4] {
    let (code, out, err) = ended(&mut copy(from, to, &["--verify", "--json"]));
    assert_eq!((code, &err[..]), (0, ""));
    let counts: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(counts["failed"], json!(0));
    ["copied", "replaced", "unchanged", "verified"].map(|name| counts[name].as_i64().unwrap())
}

/// All that `ls` tells of each session.
fn listed(store: &Path) -> Vec<Value> {
    let mut sessions = objects(store, &["ls"]);
    sessions.sort_by_key(|session| session["id"].to_string());
    sessions
}

/// Ids, versions, times, owners, attributes and the hashes of secrets survive: the same cookies open the same sessions.
#[tokio::test]
async fn to_redis_and_back() {
    let redis = Redis::new();
    let [old, new] = [private_directory(), private_directory()];
    let server = Server::on(old.path());
    let visitor = Visitor::with_session(&server).await;
    visitor.post(&server, "/login", &[("user", "alice")]).await;
    visitor.post(&server, "/increment", &[]).await;
    let cookie = visitor.cookie(&server);
    let id = visitor.get(&server, "/").await.id().unwrap().to_owned();
    server.stop();
    let before = listed(old.path());

    copied(&url(old.path()), &redis.url());
    copied(&redis.url(), &url(new.path()));
    assert_eq!(listed(new.path()), before);
    for server in [Server::on_store(&redis.url(), []), Server::on(new.path())] {
        let returning = Visitor::new();
        returning.take_cookie(&server, &cookie);
        let page = returning.get(&server, "/").await;
        assert_eq!((page.id(), page.counter()), (Some(&id[..]), 1));
        assert!(page.text.contains("alice"));
    }
}

/// A copy while a server runs is repeated after it: only what has changed is written.
#[tokio::test]
async fn what_has_changed_is_copied_again() {
    let [old, new] = [private_directory(), private_directory()];
    let (from, to) = (url(old.path()), url(new.path()));
    let server = Server::on(old.path());
    let [one, two] = [Visitor::with_session(&server).await, Visitor::with_session(&server).await];
    assert_eq!(copied(&from, &to), [2, 0, 0, 2]);
    assert_eq!(copied(&from, &to), [0, 0, 2, 2]);
    one.post(&server, "/increment", &[]).await;
    assert_eq!(copied(&from, &to), [1, 1, 1, 2]);

    // A session that has ended is in the copy still, and a verification says so.
    let ended_id = two.get(&server, "/").await.id().unwrap().to_owned();
    two.post(&server, "/logout", &[]).await;
    server.stop();
    let (code, out, err) = ended(&mut copy(&from, &to, &["--verify"]));
    assert_eq!(code, 1);
    assert!(out.contains("; 1 failed, see above"), "{out}");
    assert!(err.contains(&format!("{ended_id}: is only in --to")), "{err}");
    assert_eq!(ended(&mut copy(&from, &to, &[])).0, 0, "without it, they are not compared");

    // What has changed in the copy is not overwritten.
    let server = Server::on(new.path());
    let after = Visitor::new();
    after.take_cookie(&server, &one.cookie(&server));
    after.post(&server, "/increment", &[]).await;
    let changed = one.get(&server, "/").await.id().map(str::to_owned);
    server.stop();
    let (code, _, err) = ended(&mut copy(&from, &to, &[]));
    assert_eq!(code, 1);
    assert!(err.contains("not copied: the record in --to is newer"), "{err} {changed:?}");
}

#[tokio::test]
async fn a_damaged_session_is_named_and_the_others_are_copied() {
    let (directory, [first, second, _]) = filled().await;
    fs::write(session_file(directory.path(), &first), b"damaged").unwrap();
    let new = private_directory();
    let (code, out, err) = ended(&mut copy(&url(directory.path()), &url(new.path()), &["--verify"]));
    assert_eq!(code, 1);
    assert!(err.contains(&first) && !err.contains(&second), "{err}");
    assert!(out.starts_with("copied ") && out.contains("1 failed"), "{out}");
    let ids: Vec<_> = listed(new.path()).into_iter().map(|session| session["id"].clone()).collect();
    assert!(ids.contains(&Value::from(second)) && !ids.contains(&Value::from(first)));
}

/// After a signal it says that it goes on when it is run again, and does.
#[tokio::test]
async fn an_interrupted_copy_goes_on() {
    let old = store_of(3000).await;
    let new = private_directory();
    let (from, to) = (url(old.path()), url(new.path()));
    let mut env = Command::new("env");
    env.arg("--default-signal=INT").arg(session3([]).get_program()).args(["copy", "--from", &from, "--to", &to]);
    let child = env.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    wait_for("the first session is copied", || {
        let sessions = new.path().join("sessions");
        (sessions.exists() && files(&sessions) > 0).then_some(())
    });
    kill(Pid::from_raw(child.id().try_into().unwrap()), Signal::SIGINT).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{output:?}");
    assert!(String::from_utf8(output.stderr).unwrap().contains("interrupted; run it again to go on"));
    let [copied, replaced, unchanged, verified] = copied(&from, &to);
    assert!(copied > 0 && unchanged > 0, "{copied} copied, {unchanged} unchanged");
    assert_eq!((copied + unchanged, replaced, verified), (3000, 0, 3000));
}

#[tokio::test]
async fn what_cannot_be_copied() {
    let store = store_of(1).await;
    let (here, nothing) = (url(store.path()), private_directory());
    for (from, to, words) in [
        (&here[..], &here[..], "are the same store"),
        (&here, "memory:", "out of reach"),
        ("memory:", &here, "out of reach"),
        ("sessions", &here, "--from is none of redis://HOST"),
        (&here, "redis://:s3cret@localhost:port", "--to is no URL"),
        ("file:missing", &here, "there is no session store in missing"),
        (&url(nothing.path()), &here, "there is no session store in"),
    ] {
        fails(&mut copy(from, to, &[]), 1, &[words]);
    }
    let mut unreachable = copy(&here, "redis://:s3cret@127.0.0.1:1", &["--store-timeout", "1"]);
    let (code, _, err) = ended(&mut unreachable);
    assert_eq!(code, 1);
    assert!(err.contains("127.0.0.1:1") && !err.contains("s3cret"), "{err}");
    fails(&mut copy(&here, "file:x", &["--to-password-file", "missing"]), 1, &["--to-password-file is for a server"]);
    assert!(!Path::new("x").exists());
    fails(&mut session3(["copy", "--from", &here]), 2, &["--to"]);
}
