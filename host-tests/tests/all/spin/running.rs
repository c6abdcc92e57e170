//! The application's use of the files that it is given.

use std::fs;
use std::fs::create_dir;
use std::path::Path;
use std::sync::Arc;

use host_tests::compatibility::Host;
use host_tests::visitor::Page;
use tempfile::TempDir;
use tokio::task::JoinSet;

use super::up::{Flags, PERSISTENT, Up};
use super::{application, component, composed, guest, text, with};

const READ_ONLY: &str = "the host must preopen the directory for writing";

/// The manifest's directory, with the one that it names.
fn directory() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    create_dir(directory.path().join("sessions")).unwrap();
    directory
}

fn up(directory: &Path, flags: Flags) -> Arc<Up> {
    Up::new(application(), &component(&text()).unwrap(), directory, flags).unwrap()
}

/// The cookie of a new session.
async fn session(up: &Up) -> String {
    let page = up.post("/keep", None).await.unwrap();
    let fields = page.fields("set-cookie");
    let [field] = fields[..] else { panic!("no cookie: {page:#?}") };
    field.split(';').next().unwrap().into()
}

async fn counter(up: &Up, cookie: &str) -> i64 {
    up.get("/", Some(cookie)).await.unwrap().counter()
}

async fn increment(up: &Up, cookie: &str) -> Page {
    up.post("/increment", Some(cookie)).await.unwrap()
}

/// Sessions persist across requests, including concurrent ones, and across `spin up`s.
#[tokio::test(flavor = "multi_thread")]
async fn sessions_persist_with_both_flags() {
    const WORKERS: usize = 4;
    const INCREMENTS: usize = 200;
    let directory = directory();
    let first = up(directory.path(), PERSISTENT);
    let cookie = session(&first).await;
    let mut workers = JoinSet::new();
    for _ in 0..WORKERS {
        let (up, cookie) = (first.clone(), cookie.clone());
        workers.spawn(async move {
            for _ in 0..INCREMENTS {
                let page = increment(&up, &cookie).await;
                assert_eq!(page.status, 303, "{page:#?}");
            }
        });
    }
    while let Some(worker) = workers.join_next().await {
        worker.unwrap();
    }
    let all = i64::try_from(WORKERS * INCREMENTS).unwrap();
    assert_eq!(counter(&first, &cookie).await, all);
    drop(first);
    let second = up(directory.path(), PERSISTENT);
    assert_eq!(increment(&second, &cookie).await.status, 303);
    assert_eq!(counter(&second, &cookie).await, all + 1);
    record();
}

fn record() {
    Host {
        host: "Spin (emulated: [what was run](examples/spin/README.md))",
        version: "the rules of Spin 4.0.2",
        store: "as a dependency",
        manager: "as a dependency",
        locks: "processes, by lock files",
        processes: "800 of 800, by 4 instances",
    }
    .record("spin");
}

/// Spin mounts files read-only. Nothing is lost silently: a save is refused.
#[tokio::test]
async fn without_transient_write_a_change_is_an_error() {
    let directory = directory();
    let read_only = Flags { allow_transient_write: false, ..PERSISTENT };
    // A store cannot be set up in an empty directory,
    let page = up(directory.path(), read_only).post("/keep", None).await.unwrap();
    is_error(&page, READ_ONLY);
    // and an existing session stays unchanged.
    let writable = up(directory.path(), PERSISTENT);
    let cookie = session(&writable).await;
    increment(&writable, &cookie).await;
    is_error(&increment(&up(directory.path(), read_only), &cookie).await, READ_ONLY);
    assert_eq!(counter(&writable, &cookie).await, 1);
}

/// Spin copies files and mounts the copy. Changes are lost when Spin exits.
#[tokio::test]
async fn without_direct_mounts_sessions_end_with_spin() {
    let directory = directory();
    let copied = Flags { direct_mounts: false, ..PERSISTENT };
    let first = up(directory.path(), copied);
    let cookie = session(&first).await;
    increment(&first, &cookie).await;
    assert_eq!(counter(&first, &cookie).await, 1);
    drop(first);
    assert_eq!(counter(&up(directory.path(), copied), &cookie).await, 0);
    assert_eq!(fs::read_dir(directory.path().join("sessions")).unwrap().count(), 0);
}

/// `spin up` without flags: nothing is kept, and an error reports it.
#[tokio::test]
async fn without_any_flag_a_change_is_an_error() {
    let directory = directory();
    let page = up(directory.path(), Flags::default()).post("/keep", None).await.unwrap();
    is_error(&page, READ_ONLY);
}

#[tokio::test]
async fn without_files_inherited_there_is_no_directory() {
    let directory = directory();
    for inherit in ["", ", inherit_configuration = false", r#", inherit_configuration = ["environment"]"#] {
        let component = component(&with(r#", inherit_configuration = ["files"]"#, inherit)).unwrap();
        let app = guest::link(&composed(&component).unwrap()).unwrap();
        let up = Up::new(&app, &component, directory.path(), PERSISTENT).unwrap();
        is_error(&up.post("/keep", None).await.unwrap(), "the host gives this component no directory");
    }
    assert_eq!(fs::read_dir(directory.path().join("sessions")).unwrap().count(), 0);
}

/// The other interface is left to Spin, which does not provide it.
#[test]
fn a_key_for_one_of_two_interfaces_does_not_start() {
    let text = with("session3:sessions@0.2.0", "session3:sessions/session-manager@0.2.0");
    let composed = composed(&component(&text).unwrap()).unwrap();
    let Err(error) = guest::link(&composed) else { panic!("it starts") };
    assert!(format!("{error:#}").contains("session3:sessions/session-store@0.2.0"), "{error:#}");
}

#[test]
fn a_directory_that_is_missing_is_said_at_the_start() {
    let directory = tempfile::tempdir().unwrap();
    let Err(error) = Up::new(application(), &component(&text()).unwrap(), directory.path(), PERSISTENT) else {
        panic!("it starts")
    };
    assert!(format!("{error:#}").contains("\"sessions\" is not a directory"), "{error:#}");
}

/// A response that states the error, without a cookie for a session that does not exist.
#[track_caller]
fn is_error(page: &Page, why: &str) {
    assert_eq!(page.status, 500, "{page:#?}");
    assert!(page.text.contains("session store "), "{page:#?}");
    assert!(page.text.contains(why), "{page:#?}");
    assert!(page.fields("set-cookie").is_empty(), "{page:#?}");
}
