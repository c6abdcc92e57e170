//! Signals during work.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use host_tests::command::session3;
use host_tests::host::Host;
use host_tests::server::private_directory;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use session_conformance::bindings::Contents;
use session_conformance::client::data;
use session_conformance::clock::MINUTE;
use session_conformance::clock::START;
use session_conformance::harness::Harness;
use session_conformance::wait::wait_for;
use tempfile::TempDir;

/// Several steps of garbage collection.
const SESSIONS: usize = 4000;

/// A store of expired sessions, with lock files.
async fn store() -> TempDir {
    let directory = private_directory();
    let store = Host::on(directory.path()).store().await;
    let contents = Contents { deadline: Some(START + MINUTE), ..data("x") };
    for number in 0..SESSIONS {
        store.create(Some(&format!("session-{number}")), &contents).await.unwrap();
    }
    fs::create_dir(directory.path().join("locks")).unwrap();
    directory
}

/// The number of files in a directory and those below.
pub(super) fn files(directory: &Path) -> usize {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    entries.map(|path| if path.is_dir() { files(&path) } else { 1 }).sum()
}

/// A command that has begun to delete the sessions. Whatever signals the parent ignores, it ignores at most this one.
fn deleting(command: &str, store: &Path, ignored: Option<&str>, log: &Path) -> Child {
    let mut env = Command::new("env");
    env.arg("--default-signal=INT,TERM,HUP").args(ignored.map(|signal| format!("--ignore-signal={signal}")));
    env.arg(session3([]).get_program()).arg(command).arg("--dir").arg(store);
    if command == "rm" {
        env.args((0..SESSIONS / 4).map(|number| format!("session-{number}")));
    }
    let log = File::create(log).unwrap();
    let child = env.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap();
    let sessions = store.join("sessions");
    wait_for("the first session is deleted", || (files(&sessions) < SESSIONS).then_some(()));
    child
}

#[tokio::test]
async fn what_has_begun_is_finished_and_no_lock_is_left() {
    let logs = private_directory();
    let log = logs.path().join("log");
    for (command, signal, code) in [
        ("gc", Signal::SIGINT, 130),
        ("gc", Signal::SIGTERM, 143),
        ("rm", Signal::SIGINT, 130),
        ("rm", Signal::SIGHUP, 129),
    ] {
        let store = store().await;
        let mut child = deleting(command, store.path(), None, &log);
        kill(Pid::from_raw(child.id().try_into().unwrap()), signal).unwrap();
        let status = child.wait().unwrap();
        let said = fs::read_to_string(&log).unwrap();
        assert_eq!(status.code(), Some(code), "{command} {signal}: {said}");
        assert!(said.starts_with("deleted "), "{command} {signal}: the work done is reported: {said}");
        assert!(said.contains(&format!("session3: {command}: interrupted")), "{command} {signal}: {said}");
        assert_eq!(files(&store.path().join("locks")), 0, "{command} {signal}");
        assert!(files(&store.path().join("sessions")) > 0, "{command} {signal}");
    }
}

/// As with `nohup`.
#[tokio::test]
async fn what_is_to_be_ignored_is() {
    let (store, logs) = (store().await, private_directory());
    let mut child = deleting("gc", store.path(), Some("HUP"), &logs.path().join("log"));
    kill(Pid::from_raw(child.id().try_into().unwrap()), Signal::SIGHUP).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(files(&store.path().join("sessions")), 0);
}
