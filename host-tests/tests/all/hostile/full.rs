//! A full disk.

use std::fs::{self, File};
use std::path::Path;
use std::process::Command;

use host_tests::host::Host;
use host_tests::tree::{named, tree};
use session_conformance::bindings::Durability::{Durable, Relaxed};
use session_conformance::bindings::{Durability, Options};
use session_conformance::check::{refused, refused_for};
use session_conformance::client::{Store, contents, data, options};
use session_conformance::harness::Harness;
use tempfile::TempDir;

/// A file system of 1 MiB, unmounted on drop.
struct SmallDisk(TempDir);

impl SmallDisk {
    fn mount() -> Self {
        Self::with("size=1m")
    }

    fn with(limit: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("{limit},mode=0700"), "session3-test"])
            .arg(directory.path())
            .output();
        let mounted = mounted.expect("these tests need `mount`");
        let why = String::from_utf8_lossy(&mounted.stderr);
        assert!(mounted.status.success(), "these tests need the right to mount a tmpfs (run them as root): {why}");
        Self(directory)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// Leaves no room.
    fn fill(&self) {
        let _ = fs::write(self.path().join("filler"), vec![1; 2 << 20]);
        let mut small = 0;
        while fs::write(self.path().join(format!("filler-{small}")), [1; 512]).is_ok() {
            small += 1;
        }
    }

    /// Leaves room for `free` more files.
    fn leave_files(&self, free: usize) {
        let mut number = 0;
        while File::create(self.path().join(format!("filler-{number}"))).is_ok() {
            number += 1;
        }
        for last in number - free..number {
            fs::remove_file(self.path().join(format!("filler-{last}"))).unwrap();
        }
    }

    fn free(&self) {
        for entry in fs::read_dir(self.path()).unwrap() {
            let path = entry.unwrap().path();
            if path.file_name().unwrap().to_str().unwrap().starts_with("filler") {
                fs::remove_file(path).unwrap();
            }
        }
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.path()).status();
    }
}

async fn store(host: &Host, durability: Durability) -> Store {
    host.store_with(Options { durability, ..options() }).await
}

#[tokio::test]
async fn loses_nothing_and_says_so() {
    for durability in [Relaxed, Durable] {
        let disk = SmallDisk::mount();
        let host = Host::on(disk.path());
        let store = store(&host, durability).await;
        store.create(Some("session-1"), &contents("ann", "old")).await.unwrap();
        disk.fill();
        let full = "no-space";
        refused(store.create(Some("session-2"), &data("x")).await, full);
        refused(store.create(Some("session-3"), &contents("bob", "x")).await, full);
        refused(store.save("session-1", &data(vec![1; 100_000]), None).await, full);
        assert_eq!(store.text("session-1").await.as_deref(), Some("old"));
        assert!(!store.has("session-2").await.unwrap());
        assert_eq!(store.ids().await, ["session-1"]);
        store.delete("session-1").await.unwrap();
        assert!(!store.has("session-1").await.unwrap(), "a full disk prevents no logout");
    }
}

/// A session that fits into its slot needs no room.
#[tokio::test]
async fn stops_no_save_in_place() {
    let disk = SmallDisk::mount();
    let host = Host::on(disk.path());
    for durability in [Relaxed, Durable] {
        let store = store(&host, durability).await;
        let id = store.create(None, &data("0")).await.unwrap().id;
        disk.fill();
        for save in 1..=20 {
            store.save(&id, &data(save.to_string()), None).await.unwrap();
        }
        assert_eq!(store.text(&id).await.as_deref(), Some("20"));
        disk.free();
    }
}

#[tokio::test]
async fn leaves_no_litter() {
    let disk = SmallDisk::mount();
    let host = Host::on(disk.path());
    let store = store(&host, Relaxed).await;
    let mut made = 0;
    let refusal = loop {
        match store.create(Some(&format!("session-{made}")), &data(vec![1; 20_000])).await {
            Ok(_) => made += 1,
            refusal => break refusal,
        }
    };
    refused(refusal, "no-space");
    assert!(made > 2, "{made} sessions on 1 MiB");
    assert_eq!(store.ids().await.len(), made);
    assert_eq!(named(disk.path(), &format!("session-{made}")).len(), 0);
    // Two: tmpfs accounting is inexact near its limit.
    store.delete("session-0").await.unwrap();
    store.delete("session-1").await.unwrap();
    store.create(Some("session-x"), &data(vec![1; 20_000])).await.unwrap();
    let report = store.collect(u32::MAX, None).await.unwrap();
    assert_eq!((report.expired, report.abandoned), (0, 0), "nothing was left behind: {report:?}");
}

/// Symptom: each refused login left an entry in the index of owners, and a directory for a new owner.
#[tokio::test]
async fn what_is_refused_leaves_no_entry_and_no_directory() {
    let disk = SmallDisk::mount();
    let host = Host::on(disk.path());
    for durability in [Relaxed, Durable] {
        let store = store(&host, durability).await;
        let id = store.create(None, &data("old")).await.unwrap().id;
        disk.fill();
        // Every owner's directory is in one of 256, which are kept.
        let entries = || tree(disk.path()).into_keys().filter(|path| path.matches('/').count() > 1).collect::<Vec<_>>();
        let before = entries();
        for number in 0..20 {
            let owner = format!("owner-{number}");
            refused(store.create(None, &contents(&owner, "x")).await, "no-space");
            refused(store.save(&id, &contents(&owner, vec![1; 100_000]), None).await, "no-space");
        }
        assert_eq!(entries(), before);
        disk.free();
        store.save(&id, &contents("owner-1", vec![1; 100_000]), None).await.unwrap();
        assert_eq!(store.count_of("owner-1").await.unwrap(), 1);
        store.delete(&id).await.unwrap();
    }
}

/// The operation fails at a different step for each number of free files: a directory, another, an entry, a temporary
/// file.
#[tokio::test]
async fn whatever_it_lacks_files_for_is_taken_back() {
    let disk = SmallDisk::with("nr_inodes=700");
    let host = Host::on(disk.path());
    let store = store(&host, Relaxed).await;
    store.create(Some("session-1"), &contents("ann", "x")).await.unwrap();
    for free in 0..5 {
        disk.leave_files(free);
        let of_owner = |owner: &str| contents(owner, "x");
        let entries = || tree(disk.path()).into_keys().filter(|path| path.matches('/').count() > 1).collect::<Vec<_>>();
        let before = entries();
        let owner = format!("owner-{free}");
        let created = store.create(Some("session-2"), &of_owner(&owner)).await;
        assert_eq!(created.is_ok(), free > 3, "{created:?} with room for {free}");
        if created.is_ok() {
            store.delete("session-2").await.unwrap();
        } else {
            refused(created, "no-space");
        }
        assert_eq!(entries(), before, "room for {free}");
        disk.free();
    }
    disk.leave_files(0);
    refused(store.rename("session-1", Some("session-2")).await, "no-space");
    refused(store.save("session-1", &contents("bob", "x"), None).await, "no-space");
    assert_eq!(store.sessions_of("ann").await.unwrap()[0].id, "session-1");
    assert_eq!(named(disk.path(), "session-2").len(), 0);
}

#[tokio::test]
async fn takes_no_store() {
    let disk = SmallDisk::mount();
    disk.fill();
    let host = Host::on(disk.path());
    let instance = host.instance().await;
    refused_for(Store::open(&instance, ".", options()).await.map(drop), "no-space", &"open");
    refused_for(Store::setup(&instance, ".", options()).await.map(drop), "no-space", &"setup");
    disk.free();
    let store = Store::open(&instance, ".", options()).await.unwrap();
    store.create(None, &data("x")).await.unwrap();
}
