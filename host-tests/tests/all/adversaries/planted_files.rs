//! An attacker with write access to the directory plants foreign files, beyond links in place of a session's file
//! (`hostile/links.rs`).

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::mpsc;
use std::thread;

use host_tests::host::Host;
use host_tests::tree::{named, session_file, tree};
use nix::errno::Errno;
use nix::sys::stat::{Mode, SFlag, makedev, mknod};
use nix::unistd::mkfifo;
use session_conformance::bindings::Options;
use session_conformance::check::{kind, refused_for};
use session_conformance::client::{Store, contents, data, options};
use session_conformance::harness::Harness;
use session_conformance::wait::PATIENCE;
use tokio::runtime::Builder;

const ID: &str = "session-1";
const OTHER: &str = "session-2";

/// Runs this in a thread, and fails if it hangs.
fn without_hanging(what: &'static str, work: impl AsyncFnOnce() + Send + 'static) {
    let (done, is_done) = mpsc::channel();
    let thread = thread::spawn(move || {
        Builder::new_current_thread().enable_all().build().unwrap().block_on(work());
        let _ = done.send(());
    });
    match is_done.recv_timeout(PATIENCE) {
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("{what}: hangs"),
        _ => thread.join().unwrap_or_else(|_| panic!("{what}: see above")),
    }
}

/// A non-regular file, where the system permits: devices require root.
fn plant(what: &str, place: &Path) -> bool {
    let mode = Mode::from_bits_truncate(0o600);
    let device = |kind, minor| match mknod(place, kind, mode, makedev(1, minor)) {
        Err(Errno::EPERM) => {
            println!("not tried, as only root may create it: {what}");
            false
        }
        made => made.map(|()| true).unwrap(),
    };
    match what {
        "a named pipe" => mkfifo(place, mode).map(|()| true).unwrap(),
        "a socket" => UnixListener::bind(place).map(|_| true).unwrap(),
        "/dev/zero" => device(SFlag::S_IFCHR, 5),
        "/dev/full" => device(SFlag::S_IFCHR, 7),
        _ => unreachable!("{what}"),
    }
}

const PLANTS: [&str; 4] = ["a named pipe", "a socket", "/dev/zero", "/dev/full"];

async fn is_no_session(store: &Store, what: &str) {
    let rows = [
        ("load", store.load(ID).await.map(drop)),
        ("has", store.has(ID).await.map(drop)),
        ("touch", store.touch(ID).await),
        ("save", store.save(ID, &data("x"), None).await.map(drop)),
        ("rename", store.rename(ID, None).await.map(drop)),
        ("rename to it", store.rename(OTHER, Some(ID)).await.map(drop)),
        ("create", store.create(Some(ID), &data("x")).await.map(drop)),
        ("delete", store.delete(ID).await.map(drop)),
    ];
    for (operation, answer) in rows {
        let error = answer.expect_err(operation);
        // A socket cannot be opened, nor a device where devices are forbidden.
        assert!(["corrupt", "io", "access-denied"].contains(&&kind(&error)[..]), "{what}, {operation}: {error:?}");
    }
}

#[test]
fn in_place_of_a_session() {
    for what in PLANTS {
        without_hanging(what, async move || {
            let host = Host::new();
            let store = host.store().await;
            store.create(Some(ID), &data("x")).await.unwrap();
            store.create(Some(OTHER), &data("other")).await.unwrap();
            let place = session_file(host.path(), ID);
            fs::remove_file(&place).unwrap();
            if !plant(what, &place) {
                return;
            }
            let before = tree(host.path());
            is_no_session(&store, what).await;
            let page = store.iter(None).await.map(|cursor| async move { cursor.next_page(10).await });
            let listed = page.unwrap().await;
            assert!(listed.is_err() || listed.unwrap().unreadable == [ID], "{what}");
            let _ = store.collect(u32::MAX, None).await;
            let _ = store.delete_old(0).await;
            let mut after = tree(host.path());
            after.retain(|path, _| before.contains_key(path));
            assert_eq!(
                after.get(place.strip_prefix(host.path()).unwrap().to_str().unwrap()).unwrap(),
                "something else"
            );
        });
    }
}

/// A read-only pipe is opened for reading only, which blocks until there is a writer. In a read-only directory it once
/// blocked forever.
#[test]
fn a_pipe_in_a_directory_that_may_not_be_written() {
    without_hanging("a named pipe", async || {
        let host = Host::new();
        let store = host.store().await;
        store.create(Some(ID), &data("x")).await.unwrap();
        let place = session_file(host.path(), ID);
        fs::remove_file(&place).unwrap();
        plant("a named pipe", &place);
        let read_only = Host::on(host.path()).read_only();
        let store = read_only.store_with(Options { create: false, ..options() }).await;
        refused_for(store.load(ID).await, "corrupt", &"load");
        refused_for(store.has(ID).await, "corrupt", &"has");
        assert_eq!(store.iter(None).await.unwrap().next_page(10).await.unwrap().unreadable, [ID]);
    });
}

#[test]
fn in_place_of_the_marker() {
    for what in PLANTS {
        without_hanging(what, async move || {
            let host = Host::new();
            host.store().await;
            let marker = host.path().join("session3.store");
            fs::remove_file(&marker).unwrap();
            if plant(what, &marker) {
                let opened = Store::open(&host.instance().await, ".", options()).await.map(drop);
                let error = opened.expect_err(what);
                assert!(["corrupt", "io", "access-denied"].contains(&&kind(&error)[..]), "{what}: {error:?}");
            }
        });
    }
}

/// A link in place of each of the store's own files and directories, to a suitable target outside.
#[tokio::test]
async fn links_in_place_of_the_stores_own() {
    for name in ["sessions", "owners", "quarantine", "session3.store"] {
        let host = Host::new();
        let store = host.store().await;
        store.create(Some(ID), &contents("ann", "x")).await.unwrap();
        store.create(Some(OTHER), &contents("ann", "y")).await.unwrap();
        let outside = tempfile::tempdir().unwrap();
        let place = host.path().join(name);
        fs::rename(&place, outside.path().join(name)).unwrap();
        symlink(outside.path().join(name), &place).unwrap();
        let before = tree(outside.path());
        // Some of these fail; some need nothing outside.
        let _ = store.load(ID).await;
        let _ = store.save(ID, &contents("bob", "z".repeat(5000)), None).await;
        let _ = store.create(None, &contents("ann", "x")).await;
        let _ = store.rename(OTHER, None).await;
        let _ = store.sessions_of("ann").await;
        let _ = store.delete_sessions_of("ann").await;
        let _ = store.delete(ID).await;
        let _ = store.collect(u32::MAX, None).await;
        let _ = store.delete_old(0).await;
        if let Ok(cursor) = store.iter(None).await {
            let _ = cursor.next_page(10).await;
        }
        let opened = Store::open(&host.instance().await, ".", options()).await.map(drop);
        if name == "session3.store" {
            refused_for(opened, "corrupt", &name);
        }
        assert_eq!(tree(outside.path()), before, "{name}: nothing outside was touched");
    }
}

/// A link in place of one owner's directory, or of its parent.
#[tokio::test]
async fn links_in_the_index_of_owners() {
    for levels in [1, 2] {
        let host = Host::new();
        let store = host.store().await;
        store.create(Some(ID), &contents("ann", "x")).await.unwrap();
        let entry = named(&host.path().join("owners"), ID).remove(0);
        let place = entry.ancestors().nth(levels).unwrap();
        let outside = tempfile::tempdir().unwrap();
        let moved = outside.path().join("moved");
        fs::rename(place, &moved).unwrap();
        symlink(&moved, place).unwrap();
        let before = tree(outside.path());
        for answer in [
            store.sessions_of("ann").await.map(drop),
            store.delete_sessions_of("ann").await.map(drop),
            store.create(None, &contents("ann", "x")).await.map(drop),
        ] {
            let error = answer.expect_err("the index cannot be read");
            assert!(["corrupt", "access-denied", "io"].contains(&&kind(&error)[..]), "{error:?}");
        }
        assert_eq!(store.text(ID).await.as_deref(), Some("x"), "the session itself is unchanged");
        assert!(store.delete(ID).await.unwrap());
        assert_eq!(tree(outside.path()), before);
    }
}

/// A corrupt file stays in place when the quarantine leads outside.
#[tokio::test]
async fn a_link_in_place_of_the_quarantine() {
    let host = Host::new();
    let store = host.store().await;
    store.create(Some(ID), &data("x")).await.unwrap();
    let place = session_file(host.path(), ID);
    fs::write(&place, "rot").unwrap();
    let outside = tempfile::tempdir().unwrap();
    fs::remove_dir(host.path().join("quarantine")).unwrap();
    symlink(outside.path(), host.path().join("quarantine")).unwrap();
    refused_for(store.load(ID).await, "corrupt", &"load");
    assert_eq!(fs::read(&place).unwrap(), b"rot");
    assert!(tree(outside.path()).is_empty());
}

/// A hard link is indistinguishable from a file. Its target is not ours, so it is not written.
#[tokio::test]
async fn hard_links_to_what_is_not_ours() {
    for operation in ["load", "touch", "save", "delete", "create", "rename"] {
        let host = Host::new();
        let store = host.store().await;
        for id in [ID, OTHER] {
            store.create(Some(id), &data(id)).await.unwrap();
        }
        let (place, other) = (session_file(host.path(), ID), session_file(host.path(), OTHER));
        let foreign = host.path().join("shadow");
        fs::write(&foreign, "root:*:").unwrap();
        fs::set_permissions(&foreign, Permissions::from_mode(0o640)).unwrap();
        for target in [&foreign, &other] {
            let _ = fs::remove_file(&place);
            fs::hard_link(target, &place).unwrap();
            let (before, modified) = (fs::read(target).unwrap(), modified(target));
            let answer = match operation {
                "load" => store.load(ID).await.map(drop),
                "touch" => store.touch(ID).await,
                "save" => store.save(ID, &data("x"), None).await.map(drop),
                "delete" => store.delete(ID).await.map(drop),
                "create" => store.create(Some(ID), &data("x")).await.map(drop),
                _ => store.rename(ID, None).await.map(drop),
            };
            refused_for(answer, "corrupt", &operation);
            assert_eq!(fs::read(target).unwrap(), before, "{operation}");
            assert_eq!(modified, self::modified(target), "{operation}");
        }
        assert_eq!(store.text(OTHER).await.as_deref(), Some(OTHER));
    }
}

fn modified(path: &Path) -> std::time::SystemTime {
    File::open(path).unwrap().metadata().unwrap().modified().unwrap()
}
