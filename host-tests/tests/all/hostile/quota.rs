//! A limit on the size of files (RLIMIT_FSIZE) for the whole process: the kernel writes the part that fits, then
//! refuses.

use std::fs;
use std::path::Path;
use std::process::Command;

use host_tests::host::precompile;
use host_tests::operation::Operation::{Create, Delete, Load, Rename, Save};
use host_tests::operation::Outcome::{Created, Deleted, Loaded, Refused, Renamed, Saved};
use host_tests::operation::{Operation, Outcome};
use host_tests::server::{Server, private_directory};
use host_tests::tree::tree;
use host_tests::visitor::{Visitor, request};
use host_tests::worker::Worker;
use reqwest::{Method, StatusCode};

/// A value that takes 260 kB on the disk, and others that take 4 kB and 20 kB.
const LARGE: u64 = 9;
const SMALL: u64 = 2;
const MIDDLE: u64 = 8;

/// A limit of 64 KiB: a block has 512 bytes. With the signal ignored, the call fails instead.
const LIMIT: &str = r#"trap "" XFSZ && ulimit -f 128 && exec "$0" "$@""#;
const NO_LIMIT: &str = r#"exec "$0" "$@""#;

/// Performs operations in a process with this prefix.
fn perform(before: &str, place: &Path, durable: bool, rows: &[(Operation, Outcome)]) {
    let [component, store, locks] = ["component", "store", "locks"].map(|name| place.join(name));
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(before).arg(env!("CARGO_BIN_EXE_session-worker"));
    let mut worker = Worker::start(&mut shell, &component, &store, &locks, durable);
    for (operation, outcome) in rows {
        worker.send([operation]);
        assert_eq!(worker.outcome().as_ref(), Some(outcome), "{operation:?}");
    }
    worker.end();
}

#[test]
fn loses_nothing_and_says_so() {
    let place = tempfile::tempdir().unwrap();
    precompile(&place.path().join("component"));
    let full = || Refused("no-space".into());
    for durable in [false, true] {
        let store = place.path().join("store");
        fs::create_dir(&store).unwrap();
        let save = |value| Save { id: 1, value, expected: None };
        perform(
            LIMIT,
            place.path(),
            durable,
            &[
                (Create { id: 1, value: SMALL }, Created(1)),
                (Create { id: 2, value: LARGE }, full()),
                (Load { id: 2 }, Loaded(None)),
                (save(LARGE), full()),
                (Load { id: 1 }, Loaded(Some((1, SMALL)))),
                (save(MIDDLE), Saved(2)),
                (save(LARGE), full()),
                (Load { id: 1 }, Loaded(Some((2, MIDDLE)))),
                (Rename { id: 1, to: 2 }, Renamed),
                (save(LARGE), Refused("gone".into())),
                (Load { id: 2 }, Loaded(Some((2, MIDDLE)))),
                (Delete { id: 2 }, Deleted(true)),
            ],
        );
        let left: Vec<_> = tree(&store).into_keys().filter(|path| path.contains("session-")).collect();
        assert_eq!(left, [""; 0], "nothing is left behind");
        fs::remove_dir_all(&store).unwrap();
    }
}

/// A session larger than the limit: it can be read, and a save that cannot even be rolled back reports that.
#[test]
fn what_cannot_be_taken_back_is_not_called_undone() {
    let place = tempfile::tempdir().unwrap();
    precompile(&place.path().join("component"));
    fs::create_dir(place.path().join("store")).unwrap();
    perform(NO_LIMIT, place.path(), false, &[(Create { id: 1, value: LARGE }, Created(1))]);
    let (save, unknown) = (Save { id: 1, value: SMALL, expected: None }, Refused("outcome-unknown".into()));
    perform(LIMIT, place.path(), false, &[(save, unknown), (Load { id: 1 }, Loaded(Some((1, LARGE))))]);
}

/// Symptom: a session over the limit killed the server by SIGXFSZ. Only the request must fail.
#[tokio::test]
async fn ends_no_server() {
    let directory = private_directory();
    let server = Server::on(directory.path());
    let visitor = Visitor::with_session(&server).await;
    let mut prlimit = Command::new("prlimit");
    prlimit.arg(format!("--pid={}", server.pid())).arg("--fsize=2048:");
    assert!(prlimit.status().expect("this test needs `prlimit`").success());
    let refused = request(&server, Method::POST, "/increment").send().await.unwrap();
    assert_eq!(refused.status(), StatusCode::INSUFFICIENT_STORAGE);
    assert_eq!(visitor.get(&server, "/").await.counter(), 0);
}
