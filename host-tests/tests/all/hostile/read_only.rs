//! A read-only directory: by preopen permissions, or by the kernel.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use host_tests::host::Host;
use host_tests::mount::ReadOnly;
use host_tests::tree::tree;
use nix::unistd::{Uid, geteuid, setfsuid};
use session_conformance::bindings::{Contents, Options};
use session_conformance::check::{refused, refused_for};
use session_conformance::client::{Store, contents, data, options};
use session_conformance::clock::HOUR;
use session_conformance::harness::Harness;

const ID: &str = "session-1";

async fn filled() -> Host {
    let host = Host::new();
    let store = host.store().await;
    store.create(Some(ID), &contents("ann", "data")).await.unwrap();
    store.create(Some("expiring"), &Contents { idle_timeout: Some(HOUR), ..data("x") }).await.unwrap();
    host
}

async fn is_read_and_nothing_else(store: &Store, host: &Host, denied: &str) {
    assert_eq!(store.text(ID).await.as_deref(), Some("data"));
    assert!(store.has(ID).await.unwrap());
    assert!(store.load("never-there").await.unwrap().is_none());
    assert_eq!(store.ids().await.len(), 2);
    assert_eq!(store.sessions_of("ann").await.unwrap().len(), 1);
    refused(store.create(None, &data("x")).await, denied);
    refused(store.create(Some("session-2"), &contents("ann", "x")).await, denied);
    refused(store.save(ID, &data("x"), None).await, denied);
    refused(store.touch(ID).await, denied);
    refused(store.delete(ID).await, denied);
    refused(store.rename(ID, None).await, denied);
    refused(store.delete_old(0).await, denied);
    refused(store.delete_sessions_of("ann").await, denied);
    let guard = store.lock_now(ID).await.unwrap();
    refused(guard.save(&data("x"), None).await, denied);
    guard.close().await;
    host.clock().pass(HOUR);
    assert!(store.load("expiring").await.unwrap().is_none(), "expired, whether deleted or not");
    refused(store.collect(1000, None).await, denied);
    assert_eq!(store.text(ID).await.as_deref(), Some("data"));
}

#[tokio::test]
async fn by_the_host() {
    let host = filled().await;
    let before = tree(host.path());
    let read_only = Host::on(host.path()).read_only();
    let store = read_only.store_with(Options { create: false, ..options() }).await;
    is_read_and_nothing_else(&store, &read_only, "access-denied").await;
    assert_eq!(tree(host.path()), before);
}

#[tokio::test]
async fn no_store_is_made_in_it() {
    let host = Host::new().read_only();
    let instance = host.instance().await;
    for location in [".", "below"] {
        refused_for(Store::open(&instance, location, options()).await.map(drop), "access-denied", &location);
        refused_for(Store::setup(&instance, location, options()).await.map(drop), "access-denied", &location);
        let unasked = Options { create: false, ..options() };
        refused_for(Store::open(&instance, location, unasked).await.map(drop), "no-such-store", &location);
    }
    assert!(tree(host.path()).is_empty());
}

/// Wasmtime reports this as `io`.
#[tokio::test]
async fn by_the_mount() {
    let host = filled().await;
    let _mounted = ReadOnly::mount(host.path());
    let other = Host::on(host.path());
    let store = other.store_with(Options { create: false, ..options() }).await;
    is_read_and_nothing_else(&store, &other, "io").await;
}

/// Runs this thread as a user bound by file modes; root again on drop.
struct Unprivileged(Uid);

impl Unprivileged {
    fn new() -> Self {
        let nobody = Uid::from_raw(65534);
        Self(if geteuid().is_root() { setfsuid(nobody) } else { geteuid() })
    }
}

impl Drop for Unprivileged {
    fn drop(&mut self) {
        setfsuid(self.0);
    }
}

fn set_modes(path: &Path, directories: u32, files: u32) {
    let metadata = path.symlink_metadata().unwrap();
    let mode = if metadata.is_dir() { directories } else { files };
    if directories & 0o200 != 0 {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }
    if metadata.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            set_modes(&entry.unwrap().path(), directories, files);
        }
    }
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[tokio::test]
async fn by_the_kernel() {
    let host = filled().await;
    let before = tree(host.path());
    set_modes(host.path(), 0o555, 0o444);
    {
        let _nobody = Unprivileged::new();
        assert!(fs::write(host.path().join("probe"), "x").is_err(), "the kernel denies writes");
        let other = Host::on(host.path());
        let store = other.store_with(Options { create: false, ..options() }).await;
        is_read_and_nothing_else(&store, &other, "access-denied").await;
    }
    set_modes(host.path(), 0o755, 0o644);
    assert_eq!(tree(host.path()), before);
}

#[tokio::test]
async fn what_may_not_be_read_is_no_absent_session() {
    let host = filled().await;
    let path = host_tests::tree::session_file(host.path(), ID);
    set_modes(host.path(), 0o755, 0o644);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).unwrap();
    let _nobody = Unprivileged::new();
    let store = Host::on(host.path()).store().await;
    refused(store.load(ID).await, "access-denied");
    refused(store.has(ID).await, "access-denied");
    refused(store.save(ID, &data("x"), None).await, "access-denied");
    refused(store.delete_old(0).await, "access-denied");
    refused(store.collect(1000, None).await.map(drop), "access-denied");
    let page = store.iter(None).await.unwrap().next_page(10).await.unwrap();
    assert_eq!((page.sessions.len(), &page.unreadable[..]), (1, &[ID.to_owned()][..]), "the others are listed");
}
