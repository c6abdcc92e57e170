//! Damaged session files. A load returns one complete record or `corrupt`, and keeps the file (I1, I5, I9).

use std::fs;
use std::path::{Path, PathBuf};

use host_tests::host::Host;
use host_tests::tree::{session_file, tree};
use session_conformance::bindings::Durability::{Durable, Relaxed};
use session_conformance::bindings::{Durability, Options};
use session_conformance::check::{kind, refused, refused_for};
use session_conformance::client::{Store, contents, data, options};
use session_conformance::harness::Harness;

const ID: &str = "session-1";

/// A session with a few versions, its file, and a way to damage it.
struct Patient {
    host: Host,
    store: Store,
    path: PathBuf,
    healthy: Vec<u8>,
    versions: Vec<(u64, Vec<u8>)>,
}

impl Patient {
    async fn new(durability: Durability) -> Self {
        let host = Host::new();
        let store = host.store_with(Options { durability, ..options() }).await;
        let mut versions = vec![(1, b"first".repeat(50))];
        store.create(Some(ID), &data(&versions[0].1)).await.unwrap();
        for version in 2..=4 {
            let bytes = format!("version {version} ").repeat(20 + version as usize).into_bytes();
            store.save(ID, &data(&bytes), None).await.unwrap();
            versions.push((version, bytes));
        }
        let path = session_file(host.path(), ID);
        let healthy = fs::read(&path).unwrap();
        Self { host, store, path, healthy, versions }
    }

    /// Loads the session from these bytes: the version returned, or `None` if corrupt.
    async fn load(&self, bytes: &[u8], row: &str) -> Option<u64> {
        fs::write(&self.path, bytes).unwrap();
        match self.store.load(ID).await {
            Ok(Some(session)) => {
                let found = (session.info.version, session.data);
                assert!(self.versions.contains(&found), "{row}: never stored: {found:?}");
                assert!(self.path.exists(), "{row}");
                Some(found.0)
            }
            Ok(None) => panic!("{row}: a damaged session is not an absent one"),
            Err(error) => {
                assert_eq!(kind(&error), "corrupt", "{row}: {error:?}");
                self.is_kept(bytes, row);
                None
            }
        }
    }

    /// The file was quarantined or left in place, unchanged.
    #[track_caller]
    fn is_kept(&self, bytes: &[u8], row: &str) {
        let aside = self.host.path().join("quarantine");
        let mut kept = vec![self.path.clone()];
        kept.extend(files(&aside));
        kept.retain(|path| path.exists());
        assert_eq!(kept.len(), 1, "{row}: {kept:?}");
        assert!(fs::read(&kept[0]).unwrap() == bytes, "{row}: changed");
        fs::remove_file(&kept[0]).unwrap();
    }
}

fn files(directory: &Path) -> Vec<PathBuf> {
    fs::read_dir(directory).map_or(vec![], |entries| entries.map(|entry| entry.unwrap().path()).collect())
}

#[tokio::test]
async fn cut_at_every_length() {
    for durability in [Relaxed, Durable] {
        let patient = Patient::new(durability).await;
        for length in 0..patient.healthy.len() {
            patient.load(&patient.healthy[..length], &format!("cut to {length} bytes")).await;
        }
        assert_eq!(patient.load(&patient.healthy, "healthy").await, Some(4));
    }
}

#[tokio::test]
async fn a_bit_flipped_in_every_byte() {
    for durability in [Relaxed, Durable] {
        let patient = Patient::new(durability).await;
        for at in 0..patient.healthy.len() {
            let mut bytes = patient.healthy.clone();
            bytes[at] ^= 1 << (at % 8);
            patient.load(&bytes, &format!("a bit of byte {at}")).await;
        }
    }
}

#[tokio::test]
async fn sectors_zeroed_or_swapped() {
    let patient = Patient::new(Durable).await;
    let sectors = patient.healthy.len() / 512;
    for first in 0..sectors {
        for second in first..sectors {
            let mut bytes = patient.healthy.clone();
            let (a, b) = (first * 512..first * 512 + 512, second * 512..second * 512 + 512);
            bytes[a.clone()].copy_from_slice(&patient.healthy[b.clone()]);
            bytes[b].copy_from_slice(&patient.healthy[a.clone()]);
            if first == second {
                bytes[a].fill(0);
            }
            patient.load(&bytes, &format!("sectors {first} and {second}")).await;
        }
    }
}

/// Damage to a version acknowledged as durable is an error, never an older version (I2).
#[tokio::test]
async fn an_acknowledged_version_is_never_replaced_by_an_older_one() {
    let patient = Patient::new(Durable).await;
    for at in 0..patient.healthy.len() {
        let mut bytes = patient.healthy.clone();
        bytes[at] ^= 0x10;
        let version = patient.load(&bytes, &format!("byte {at}")).await;
        let in_head = at < 512;
        assert!(version.is_none_or(|version| version == 4 || in_head), "byte {at}: version {version:?} came back");
    }
}

#[tokio::test]
async fn foreign_contents() {
    let patient = Patient::new(Relaxed).await;
    let magic = &patient.healthy[..16];
    let contents: [(&str, Vec<u8>); 9] = [
        ("empty", vec![]),
        ("a byte", vec![0]),
        ("zeros", vec![0; 4096]),
        ("ones", vec![0xff; 4096]),
        ("text", b"not a session".to_vec()),
        ("a pickle", b"\x80\x04\x95\x10\x00\x00\x00}\x94.".to_vec()),
        ("only the head", patient.healthy[..512].to_vec()),
        ("the beginning of the head and noise", [magic, &[0xa5; 4000]].concat()),
        ("twenty megabytes", vec![b's'; 20 << 20]),
    ];
    for (what, bytes) in contents {
        assert_eq!(patient.load(&bytes, what).await, None, "{what}");
    }
}

/// Whichever operation finds a corrupt file first reports it, and none destroys it.
#[tokio::test]
async fn every_operation_says_corrupt() {
    for operation in ["load", "has", "save", "touch", "delete", "rename", "create", "rename to", "guard"] {
        let patient = Patient::new(Relaxed).await;
        let store = &patient.store;
        store.create(Some("session-2"), &data("x")).await.unwrap();
        let bytes = &patient.healthy[..700];
        fs::write(&patient.path, bytes).unwrap();
        let answer = match operation {
            "load" => store.load(ID).await.map(drop),
            "has" => store.has(ID).await.map(drop),
            "save" => store.save(ID, &data("x"), None).await.map(drop),
            "touch" => store.touch(ID).await,
            "delete" => store.delete(ID).await.map(drop),
            "rename" => store.rename(ID, None).await.map(drop),
            "create" => store.create(Some(ID), &data("x")).await.map(drop),
            "rename to" => store.rename("session-2", Some(ID)).await.map(drop),
            _ => store.lock_now(ID).await.unwrap().load().await.map(drop),
        };
        let text = format!("{answer:?}");
        assert!(text.contains("quarantine/") || text.contains("sessions/"), "the text names the file: {text}");
        refused_for(answer, "corrupt", &operation);
        patient.is_kept(bytes, operation);
        assert_eq!(store.text("session-2").await.as_deref(), Some("x"), "{operation}");
    }
}

/// Quarantined, it frees its id, and is never deleted.
#[tokio::test]
async fn what_was_put_aside_stays_there() {
    let patient = Patient::new(Relaxed).await;
    fs::write(&patient.path, b"").unwrap();
    refused(patient.store.load(ID).await, "corrupt");
    let aside = files(&patient.host.path().join("quarantine"));
    assert_eq!(aside.len(), 1);
    assert!(patient.store.load(ID).await.unwrap().is_none());
    patient.store.create(Some(ID), &data("new")).await.unwrap();
    patient.store.collect(u32::MAX, None).await.unwrap();
    patient.store.delete_old(0).await.unwrap();
    assert!(aside[0].exists());
}

/// A listing names unreadable sessions and continues; collecting leaves them.
#[tokio::test]
async fn a_listing_names_the_unreadable() {
    let patient = Patient::new(Relaxed).await;
    for number in 0..10 {
        patient.store.create(Some(&format!("healthy-{number}")), &data("x")).await.unwrap();
    }
    fs::write(&patient.path, b"rot").unwrap();
    let before = tree(patient.host.path());
    for limit in [1, 3, 1000] {
        let cursor = patient.store.iter(None).await.unwrap();
        let (mut sessions, mut unreadable) = (0, Vec::new());
        loop {
            let page = cursor.next_page(limit).await.unwrap();
            if page.sessions.is_empty() && page.unreadable.is_empty() {
                break;
            }
            sessions += page.sessions.len();
            unreadable.extend(page.unreadable);
        }
        assert_eq!((sessions, &unreadable[..]), (10, &[ID.to_owned()][..]), "in pages of {limit}");
    }
    patient.store.collect(u32::MAX, None).await.unwrap();
    assert_eq!(patient.store.delete_old(u32::MAX).await.unwrap().0, 0);
    assert_eq!(tree(patient.host.path()), before);
}

/// A damaged session once hid the others of its owner from listings, so they survived "log out everywhere".
#[tokio::test]
async fn a_damaged_session_shields_no_other_of_its_owner() {
    let patient = Patient::new(Relaxed).await;
    let store = &patient.store;
    store.save(ID, &contents("ann", "damaged soon"), None).await.unwrap();
    store.create(Some("session-2"), &contents("ann", "x")).await.unwrap();
    let path = session_file(patient.host.path(), ID);
    fs::write(&path, b"damaged").unwrap();
    let listed: Vec<_> = store.sessions_of("ann").await.unwrap().into_iter().map(|info| info.id).collect();
    assert_eq!(listed, ["session-2"]);
    assert_eq!(store.delete_sessions_of("ann").await.unwrap(), 1);
    assert_eq!(store.text("session-2").await, None);
    assert!(store.sessions_of("ann").await.unwrap().is_empty());
    patient.is_kept(b"damaged", "after the logout");
}
