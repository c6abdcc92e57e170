//! Foreign files in the store's directories, and leftovers of killed instances.

use std::fs::{self, File};
use std::path::Path;
use std::time::{Duration, SystemTime};

use host_tests::host::Host;
use host_tests::tree::{named, session_file, tree};
use session_conformance::bindings::Contents;
use session_conformance::client::{Store, contents, data, options};
use session_conformance::clock::START;
use session_conformance::clock::{DAY, HOUR};
use session_conformance::harness::Harness;

const ID: &str = "session-1";

/// Foreign entries in each directory of the store, under names that the store never uses.
fn plant(root: &Path) -> Vec<String> {
    let session = session_file(root, ID);
    let shard = session.parent().unwrap();
    let owner = named(&root.join("owners"), ID).remove(0);
    let quarantine = root.join("quarantine");
    let mut planted = Vec::new();
    for directory in [root, &root.join("sessions"), shard, &root.join("owners"), owner.parent().unwrap(), &quarantine] {
        for name in ["README.txt", ".hidden", "notes~1", "Thumbs.db", "session3.store.bak", "zz"] {
            fs::write(directory.join(name), "not ours").unwrap();
            planted.push(directory.join(name));
        }
        fs::create_dir(directory.join("Backup")).unwrap();
        fs::write(directory.join("Backup/file"), "not ours").unwrap();
        planted.extend([directory.join("Backup"), directory.join("Backup/file")]);
    }
    planted.into_iter().map(|path| path.strip_prefix(root).unwrap().to_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn files_of_others_are_left_alone() {
    let host = Host::new();
    let store = host.store().await;
    store.create(Some(ID), &contents("ann", "x")).await.unwrap();
    let planted = plant(host.path());
    let before = tree(host.path());
    store.collect(u32::MAX, None).await.unwrap();
    assert_eq!(store.ids().await, [ID]);
    assert_eq!(store.sessions_of("ann").await.unwrap().len(), 1);
    assert_eq!(store.delete_old(u32::MAX).await.unwrap(), (0, 1));
    assert_eq!(tree(host.path()), before);
    assert_eq!(store.delete_sessions_of("ann").await.unwrap(), 1);
    assert_eq!(store.delete_old(0).await.unwrap(), (0, 0));
    store.collect(u32::MAX, None).await.unwrap();
    let after = tree(host.path());
    for path in planted {
        assert_eq!(after.get(&path), before.get(&path), "{path}");
    }
}

#[tokio::test]
async fn a_store_is_set_up_beside_them() {
    let host = Host::new();
    fs::write(host.path().join("index.html"), "not ours").unwrap();
    fs::create_dir(host.path().join("images")).unwrap();
    let before = tree(host.path());
    let store = Store::setup(&host.instance().await, ".", options()).await.unwrap();
    store.create(Some(ID), &data("x")).await.unwrap();
    let after = tree(host.path());
    assert!(before.iter().all(|(path, entry)| after.get(path) == Some(entry)));
}

/// Names that are not Unicode.
#[tokio::test]
async fn names_of_any_bytes_are_stepped_over() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let host = Host::new();
    let store = host.store().await;
    store.create(Some(ID), &contents("ann", "x")).await.unwrap();
    let name = OsStr::from_bytes(b"\xff\xfe\n");
    let session = session_file(host.path(), ID);
    let owner = named(&host.path().join("owners"), ID).remove(0);
    let planted = [session.with_file_name(name), owner.with_file_name(name), host.path().join(name)];
    for path in &planted {
        fs::write(path, "not ours").unwrap();
    }
    assert_eq!(store.ids().await, [ID]);
    assert_eq!(store.sessions_of("ann").await.unwrap().len(), 1);
    store.collect(u32::MAX, None).await.unwrap();
    assert_eq!(store.delete_old(0).await.unwrap(), (1, 0));
    assert!(planted.iter().all(|path| path.exists()));
}

/// A killed instance leaves at most one temporary file. It is no session, and is collected (I6).
#[tokio::test]
async fn an_abandoned_file_is_collected() {
    let host = Host::new();
    let store = host.store().await;
    store.create(Some(ID), &data("x")).await.unwrap();
    let session = session_file(host.path(), ID);
    let abandoned = session.with_file_name(format!("{ID}~0123456789abcdef"));
    fs::copy(&session, &abandoned).unwrap();
    let old = SystemTime::UNIX_EPOCH + Duration::from_millis(START - DAY);
    File::options().write(true).open(&abandoned).unwrap().set_modified(old).unwrap();
    assert_eq!(store.ids().await, [ID], "it is not a session");
    let busy = host.store().await.lock_now(ID).await.unwrap();
    assert_eq!(store.collect(u32::MAX, None).await.unwrap().abandoned, 0, "it may still be written");
    busy.close().await;
    assert_eq!(store.collect(u32::MAX, None).await.unwrap().abandoned, 1);
    assert!(!abandoned.exists());
    assert_eq!(store.text(ID).await.as_deref(), Some("x"));
    assert_eq!(store.collect(u32::MAX, None).await.unwrap().abandoned, 0);
}

/// Only a name that the store makes is a temporary file: the name of a session, `~` and 16 hexadecimal digits.
#[tokio::test]
async fn a_file_with_a_similar_name_is_kept() {
    let host = Host::new();
    let store = host.store().await;
    store.create(Some(ID), &data("x")).await.unwrap();
    let session = session_file(host.path(), ID);
    let names = ["~", "~0123456789abcde", "~0123456789abcdef0", "~0123456789abcdeg", "~my-own-backup-16", ".bak"];
    let similar = names.map(|end| session.with_file_name(format!("{ID}{end}")));
    for path in &similar {
        fs::copy(&session, path).unwrap();
        let old = SystemTime::UNIX_EPOCH + Duration::from_millis(START - DAY);
        File::options().write(true).open(path).unwrap().set_modified(old).unwrap();
    }
    assert_eq!(store.collect(u32::MAX, None).await.unwrap().abandoned, 0);
    assert!(similar.iter().all(|path| path.exists()));
}

/// A killed set-up leaves its temporary marker.
#[tokio::test]
async fn an_abandoned_marker_is_collected() {
    let host = Host::new();
    let store = host.store().await;
    let abandoned = host.path().join("session3.store~0123456789abcdef");
    fs::write(&abandoned, "").unwrap();
    assert_eq!(store.collect(u32::MAX, None).await.unwrap().abandoned, 1);
    assert!(!abandoned.exists());
    fs::create_dir(&abandoned).unwrap();
    assert_eq!(store.collect(u32::MAX, None).await.unwrap().abandoned, 0, "a directory is not ours");
    assert!(abandoned.exists());
}

/// More names in one directory than are buffered at once.
#[tokio::test]
async fn a_crowded_directory_is_read_in_parts() {
    let host = Host::new();
    let store = host.store().await;
    store.create(Some(ID), &data("x")).await.unwrap();
    let session = session_file(host.path(), ID);
    for number in 0..3000 {
        fs::write(session.with_file_name(format!("README.{number}")), "").unwrap();
    }
    assert_eq!(store.ids().await, [ID]);
    assert!(store.collect(u32::MAX, None).await.unwrap().examined > 3000);
    assert_eq!(store.delete_old(0).await.unwrap(), (1, 0));
}

/// The entries of an owner's index count toward the budget as well: they are read.
#[tokio::test]
async fn index_entries_are_examined() {
    let host = Host::new();
    let store = host.store().await;
    for number in 0..30 {
        store.create(Some(&format!("session-{number}")), &contents("ann", "x")).await.unwrap();
    }
    let report = store.collect(u32::MAX, None).await.unwrap();
    assert!((60..70).contains(&report.examined), "{report:?}");
}

#[tokio::test]
async fn an_index_entry_without_a_session_is_collected() {
    let host = Host::new();
    let store = host.store().await;
    store.create(Some(ID), &contents("ann", "x")).await.unwrap();
    store.create(Some("session-2"), &contents("ann", "x")).await.unwrap();
    fs::remove_file(session_file(host.path(), ID)).unwrap();
    let listed = store.sessions_of("ann").await.unwrap();
    assert_eq!(listed.into_iter().map(|info| info.id).collect::<Vec<_>>(), ["session-2"]);
    assert_eq!(store.collect(u32::MAX, None).await.unwrap().abandoned, 1);
    assert!(named(host.path(), ID).is_empty());
    assert_eq!(store.delete_sessions_of("ann").await.unwrap(), 1);
}

/// The index is only a hint: a forged entry gives no access to another owner's session.
#[tokio::test]
async fn a_forged_index_entry_gives_nothing_away() {
    let host = Host::new();
    let store = host.store().await;
    store.create(Some(ID), &contents("ann", "x")).await.unwrap();
    store.create(Some("bobs-one"), &contents("bob", "x")).await.unwrap();
    let owner = named(&host.path().join("owners"), "bobs-one").remove(0);
    fs::write(owner.with_file_name(ID), "").unwrap();
    let listed = store.sessions_of("bob").await.unwrap();
    assert_eq!(listed.into_iter().map(|info| info.id).collect::<Vec<_>>(), ["bobs-one"]);
    assert_eq!(store.delete_sessions_of("bob").await.unwrap(), 1);
    assert!(store.has(ID).await.unwrap());
}

#[tokio::test]
async fn an_expired_session_leaves_nothing_behind() {
    let host = Host::new();
    let store = host.store().await;
    let empty = |host: &Host| {
        let mut left = tree(host.path());
        left.retain(|_, entry| entry != "directory");
        left.into_keys().collect::<Vec<_>>()
    };
    let before = empty(&host);
    for number in 0..20 {
        let contents = Contents { idle_timeout: Some(HOUR), ..contents("ann", "x") };
        store.create(Some(&format!("session-{number}")), &contents).await.unwrap();
    }
    host.clock().pass(HOUR);
    let report = store.collect(u32::MAX, None).await.unwrap();
    assert_eq!(report.expired, 20);
    assert_eq!(empty(&host), before);
}
