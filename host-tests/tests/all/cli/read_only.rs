//! Read-only copies: a read-only mount, a snapshot, another user's backup.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use host_tests::command::session3;
use host_tests::host::Host;
use host_tests::mount::ReadOnly;
use host_tests::server::private_directory;
use host_tests::tree::{session_file, tree};
use serde_json::json;
use session_conformance::bindings::Contents;
use session_conformance::client::data;
use session_conformance::clock::MINUTE;
use session_conformance::clock::START;
use session_conformance::harness::Harness;
use tempfile::TempDir;

use super::{ended, fails, fails_on, filled, objects, printed};

const NOBODY: u32 = 65534;

/// A backup: without a lock file.
async fn backup() -> (TempDir, [String; 3]) {
    let (store, ids) = filled().await;
    fs::remove_file(store.path().join("session3.lock")).unwrap();
    (store, ids)
}

fn is_shown(store: &Path, ids: &[String; 3]) {
    assert_eq!(printed(store, &["ls"]).lines().count(), 4);
    assert_eq!(objects(store, &["ls", "--owner", "alice"]).len(), 2);
    assert!(printed(store, &["show", &ids[0]]).contains("  count = -7\n"));
    assert_eq!(objects(store, &["stats"])[0]["sessions"], 3);
}

#[tokio::test]
async fn a_file_system_that_is_read_only() {
    let (store, ids) = backup().await;
    let _mounted = ReadOnly::mount(store.path());
    is_shown(store.path(), &ids);
    for arguments in [&["rm", &ids[0]][..], &["rm", "--owner", "alice"], &["gc"], &["gc", "--older-than", "0"]] {
        fails_on(
            store.path(),
            arguments,
            &["is on a read-only file system", "can be listed and shown, but not deleted"],
        );
    }
}

/// Its mode is up to its owner.
#[tokio::test]
async fn a_directory_of_somebody_else() {
    let (store, ids) = backup().await;
    chown(store.path(), Some(NOBODY), None).expect("this test needs root");
    for mode in [0o700, 0o755] {
        fs::set_permissions(store.path(), Permissions::from_mode(mode)).unwrap();
        is_shown(store.path(), &ids);
        fails_on(store.path(), &["rm", &ids[0]], &["belongs to user 65534", "run it as that user"]);
    }
}

/// As a user without the permissions that root has.
#[tokio::test]
async fn files_that_can_only_be_read() {
    let (store, ids) = backup().await;
    // That user has no access to the build directory.
    let program = tempfile::Builder::new().permissions(Permissions::from_mode(0o755)).tempdir().unwrap();
    let copied = program.path().join("session3");
    fs::copy(session3([]).get_program(), &copied).unwrap();
    let as_nobody = |arguments: &[&str]| {
        let mut command = Command::new(&copied);
        command.args(arguments).arg("--dir").arg(store.path()).uid(NOBODY).gid(NOBODY);
        command
    };
    for (directories, owner) in [(0o755, None), (0o500, Some(NOBODY))] {
        give(store.path(), directories, owner);
        let (code, out, err) = ended(&mut as_nobody(&["ls", "--json"]));
        assert_eq!((code, out.lines().count(), &err[..]), (0, 3, ""), "{directories:o}");
        let (code, out, err) = ended(&mut as_nobody(&["show", &ids[0]]));
        assert!(code == 0 && out.contains("user:         alice\n"), "{directories:o}: {out}{err}");
        assert_eq!(ended(&mut as_nobody(&["stats"])).0, 0, "{directories:o}");
        let why = if owner.is_some() { "is read-only" } else { "belongs to user 0" };
        fails(&mut as_nobody(&["rm", &ids[0]]), 1, &["session3: rm: ", why]);
        fails(&mut as_nobody(&["gc"]), 1, &["session3: gc: ", why]);
    }
    give(store.path(), 0o700, Some(0));
}

/// Gives everything to an owner, with read-only files.
fn give(path: &Path, directories: u32, owner: Option<u32>) {
    let is_directory = path.is_dir();
    if is_directory {
        for entry in fs::read_dir(path).unwrap() {
            give(&entry.unwrap().path(), directories, owner);
        }
    }
    chown(path, owner, None).unwrap();
    fs::set_permissions(path, Permissions::from_mode(if is_directory { directories } else { 0o444 })).unwrap();
}

/// Also in a store in use: no lock is waited for, no lock file created, nothing deleted or quarantined.
#[tokio::test]
async fn who_reads_changes_nothing() {
    let directory = private_directory();
    let store = Host::on(directory.path()).store().await;
    store.create(Some("session-1"), &data("x")).await.unwrap();
    store.create(Some("session-2"), &Contents { deadline: Some(START + MINUTE), ..data("x") }).await.unwrap();
    store.create(Some("session-3"), &data("x")).await.unwrap();
    fs::write(session_file(directory.path(), "session-3"), "something else").unwrap();
    let before = tree(directory.path());
    let (code, out, _) = ended(session3(["ls", "--json", "--dir"]).arg(directory.path()));
    assert_eq!((code, out.lines().count()), (3, 2), "{out}");
    assert_eq!(objects(directory.path(), &["show", "session-1"])[0]["version"], json!(1));
    fails_on(directory.path(), &["show", "session-2"], &["no session"]);
    fails_on(directory.path(), &["show", "session-3"], &["session is corrupt"]);
    assert_eq!(tree(directory.path()), before);
}
