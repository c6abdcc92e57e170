//! The component `lock-files`: the suite, and tests specific to files.

use std::fs;
use std::os::unix::fs::symlink;
use std::sync::Arc;

use host_tests::lock_files::FileLocks;
use session_conformance::locks::provider::{Error, Instance, Mode, Provider};
use session_conformance::locks::suite;

session_conformance::lock_conformance_tests!(FileLocks::new());

const SHARED: Mode = Mode::Shared;
const EXCLUSIVE: Mode = Mode::Exclusive;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn writers_are_alone_on_several_threads() {
    suite::writers_are_alone_and_readers_among_readers(&FileLocks::new()).await;
}

#[tokio::test]
async fn a_lock_is_one_file_and_leaves_none() {
    let locks = FileLocks::new();
    let mut instance = locks.instance().await;
    let guard = instance.take("a", EXCLUSIVE).await;
    assert_eq!(locks.files().len(), 1);
    instance.release(guard).await;
    let readers = [instance.take("a", SHARED).await, instance.take("b", SHARED).await];
    assert_eq!(locks.files().len(), 2, "one directory each");
    for reader in readers {
        instance.release(reader).await;
    }
    assert_eq!(locks.files(), [""; 0]);
}

#[tokio::test]
async fn an_own_preopen_is_preferred() {
    let locks = FileLocks::new().with_preopens(&["/sessions", "/locks"]);
    for directory in ["sessions", "locks"] {
        fs::create_dir(locks.path().join(directory)).unwrap();
    }
    locks.instance().await.take("a", EXCLUSIVE).await;
    assert_eq!(fs::read_dir(locks.path().join("locks/locks")).unwrap().count(), 1);
    assert_eq!(fs::read_dir(locks.path().join("sessions")).unwrap().count(), 0);
}

#[tokio::test]
async fn without_a_directory_to_write_to_there_are_no_locks() {
    for (locks, why) in
        [(FileLocks::new().with_preopens(&[]), "preopen one"), (FileLocks::new().read_only(), "cannot be used")]
    {
        let text = other(locks.instance().await.acquire("a", EXCLUSIVE, 0).await);
        assert!(text.contains(why), "{text}");
    }
}

/// Two kinds of locks on one directory would not exclude each other.
#[tokio::test]
async fn a_directory_that_session3_locks_is_refused() {
    let locks = FileLocks::new();
    fs::write(locks.path().join("session3.lock"), "").unwrap();
    let mut instance = locks.instance().await;
    let text = other(instance.acquire("a", EXCLUSIVE, 0).await);
    assert!(text.contains("remove session3.lock"), "{text}");
    assert!(!locks.path().join("locks").exists());
    fs::remove_file(locks.path().join("session3.lock")).unwrap();
    instance.take("a", EXCLUSIVE).await;
    // From here on, session3 must check for the others' locks.
    fs::write(locks.path().join("session3.lock"), "").unwrap();
    locks.instance().await.take("b", EXCLUSIVE).await;
}

/// Later openers of the directory do not see the locks in one that was removed or replaced.
#[tokio::test]
async fn a_lock_is_taken_where_others_see_it() {
    for replaced in [true, false] {
        for mode in [SHARED, EXCLUSIVE] {
            let locks = FileLocks::new();
            let directory = locks.path().join("locks");
            let mut early = locks.instance().await;
            let guard = early.take("a", EXCLUSIVE).await;
            let release = if replaced {
                fs::rename(&directory, locks.path().join("away")).unwrap();
                fs::create_dir(&directory).unwrap();
                Some(guard)
            } else {
                early.release(guard).await;
                fs::remove_dir(&directory).unwrap();
                None
            };
            if let Some(guard) = release {
                let text = other(early.acquire("b", mode, 0).await);
                assert!(text.contains("was replaced"), "{text}");
                early.release(guard).await;
            }
            early.take("a", mode).await;
            assert_eq!(locks.files().len(), 1);
            locks.instance().await.is_refused("a", EXCLUSIVE, "timed-out").await;
        }
    }
}

#[tokio::test]
async fn what_is_not_a_lock_stays() {
    let locks = FileLocks::new();
    let directory = locks.path().join("locks");
    fs::create_dir(&directory).unwrap();
    for name in ["README", "0123456789abcdef", "0123456789abcdeg.0", ".0"] {
        fs::write(directory.join(name), "somebody's").unwrap();
    }
    let before = locks.files();
    locks.clock().pass(1 << 40);
    let mut instance = locks.instance().await;
    for number in 0..500 {
        let guard = instance.take(&format!("lock {number}"), EXCLUSIVE).await;
        instance.release(guard).await;
    }
    assert_eq!(locks.files(), before);
}

/// A client that can write there can block all locking, but nothing outside is touched.
#[tokio::test]
async fn planted_links_lead_nowhere() {
    let locks = FileLocks::new();
    let mut instance = locks.instance().await;
    let guard = instance.take("a", EXCLUSIVE).await;
    let file = locks.path().join("locks").join(&locks.files()[0]);
    instance.release(guard).await;
    let outside = tempfile::tempdir().unwrap();
    let target = outside.path().join("target");
    symlink(&target, &file).unwrap();
    instance.is_refused("a", EXCLUSIVE, "timed-out").await;
    locks.clock().pass(1 << 40);
    let guard = instance.take("a", EXCLUSIVE).await;
    instance.release(guard).await;
    assert!(!target.exists());
    assert_eq!(locks.files(), [""; 0], "the link was collected as an abandoned lock");
}

#[tokio::test]
async fn instances_on_the_same_directory_under_other_names_exclude_each_other() {
    let locks = Arc::new(FileLocks::new());
    let (mut here, mut there) =
        (locks.instance().await, FileLocks::on(locks.path()).with_preopens(&["."]).instance().await);
    here.take("a", EXCLUSIVE).await;
    there.is_refused("a", EXCLUSIVE, "timed-out").await;
}

fn other<T: std::fmt::Debug>(answer: Result<T, Error>) -> String {
    match answer {
        Err(Error::Other(text)) => text,
        answer => panic!("{answer:?}"),
    }
}
