//! The defects of Session3 (version 3.0), each as a test that Session3 fails.

use std::fs;

use host_tests::calls::Calls;
use host_tests::host::Host;
use host_tests::tree::{session_file, tree};
use session_conformance::bindings::Access::{Exclusive, Optimistic, ReadOnly};
use session_conformance::bindings::{Durability, Options, Value};
use session_conformance::browser::{Browser, new_session, set_cookies};
use session_conformance::check::refused;
use session_conformance::client::{Session, data, options, text};
use session_conformance::clock::{DAY, HOUR};
use session_conformance::harness::Harness;
use session_runtime::LockSpace;

const ID: &str = "session-1";

/// The cookie's value became part of a path, and the file there was unpickled.
#[tokio::test]
async fn defect_01_path_traversal() {
    let host = Host::new();
    let (store, manager) = (host.store().await, host.manager().await);
    let secret = tempfile::NamedTempFile::new().unwrap();
    for id in ["../../../etc/passwd", "/etc/passwd", secret.path().to_str().unwrap()] {
        refused(store.load(id).await, "invalid-id");
        refused(store.save(id, &data("x"), None).await, "invalid-id");
        let session = Browser::with("__Host-session", id).start(&manager, Optimistic).await.unwrap();
        assert_eq!(session.id().await, None);
    }
}

/// Loading an empty file waited forever for content.
#[tokio::test]
async fn defect_02_an_empty_file_hangs() {
    let host = Host::new();
    let store = host.store().await;
    store.create(Some(ID), &data("x")).await.unwrap();
    fs::write(session_file(host.path(), ID), "").unwrap();
    refused(store.load(ID).await, "corrupt");
}

/// A failed save left an empty file in place of the session.
#[tokio::test]
async fn defect_03_a_failed_save_destroys_the_session() {
    let host = Host::new();
    let store = host.store_with(Options { size_limit: Some(100), ..options() }).await;
    store.create(Some(ID), &data("old")).await.unwrap();
    refused(store.save(ID, &data([0; 101]), None).await, "too-large 100");
    assert_eq!(store.text(ID).await.as_deref(), Some("old"));
    let manager = host.manager().await;
    let session = new_session(&manager).await.start(&manager, Optimistic).await.unwrap();
    refused(session.set("a", &Value::Json("{".into())).await, "invalid-argument");
    manager.finish(session).await.unwrap();
}

/// A truncated file raised a pickle exception, and the lock was left to the garbage collector.
#[tokio::test]
async fn defect_04_a_truncated_file_raises_and_stays_locked() {
    let host = Host::new();
    let store = host.store().await;
    store.create(Some(ID), &data("x")).await.unwrap();
    let path = session_file(host.path(), ID);
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..530]).unwrap();
    refused(store.load(ID).await, "corrupt");
    host.store().await.lock_now(ID).await.unwrap();
    store.create(Some(ID), &data("new")).await.unwrap();
}

/// A NUL in the id raised an uncaught exception.
#[tokio::test]
async fn defect_05_nul_in_the_id() {
    let host = Host::new();
    refused(host.store().await.load("session\0").await, "invalid-id");
    let manager = host.manager().await;
    let session = Browser::with("__Host-session", "session\0").start(&manager, Optimistic).await.unwrap();
    assert_eq!(session.id().await, None);
}

/// The lock was held during load and during save, but not in between: 502 of 800 increments survived.
#[tokio::test]
async fn defect_06_lost_updates() {
    let host = Host::new();
    let browser = new_session(&host.manager().await).await;
    let count = async || {
        for _ in 0..25 {
            let manager = host.manager().await;
            let work = async |session: &Session| {
                session.increment("visits").await;
                tokio::task::yield_now().await;
            };
            browser.clone().visit(&manager, Exclusive, work).await.unwrap();
        }
    };
    tokio::join!(count(), count(), count(), count());
    let session = browser.start(&host.manager().await, ReadOnly).await.unwrap();
    assert_eq!(session.count("visits").await, Some(101));
}

/// A request that saved after a concurrent logout resurrected the session.
#[tokio::test]
async fn defect_07_a_logout_is_undone() {
    let host = Host::new();
    let (manager, other) = (host.manager().await, host.manager().await);
    let mut browser = new_session(&manager).await;
    let late = browser.start(&other, Optimistic).await.unwrap();
    late.increment("visits").await;
    browser.visit(&manager, Optimistic, async |session| session.expire().await.unwrap()).await.unwrap();
    refused(other.finish(late).await, "gone");
    assert!(host.store().await.ids().await.is_empty());
}

/// Deleting a missing session raised `FileNotFoundError`.
#[tokio::test]
async fn defect_08_deleting_what_is_absent_raises() {
    let host = Host::new();
    let store = host.store().await;
    assert!(!store.delete(ID).await.unwrap());
}

/// `delete_old_sessions` deleted any file in the directory and failed on a subdirectory.
#[tokio::test]
async fn defect_09_cleaning_up_deletes_files_of_others() {
    let host = Host::new();
    let store = host.store().await;
    store.create(Some(ID), &data("x")).await.unwrap();
    let shard = session_file(host.path(), ID).parent().unwrap().to_owned();
    for directory in [host.path(), &shard] {
        fs::write(directory.join("important.txt"), "x").unwrap();
        fs::create_dir(directory.join("subdirectory")).unwrap();
    }
    host.clock().pass(DAY);
    assert_eq!(store.delete_old(60).await.unwrap(), (1, 0));
    for directory in [host.path(), &shard] {
        assert!(directory.join("important.txt").exists() && directory.join("subdirectory").exists());
    }
}

/// Without a user, attributes and form tokens were silently dropped.
#[tokio::test]
async fn defect_10_information_without_a_user_is_dropped() {
    let host = Host::new();
    let manager = host.manager().await;
    for what in ["attribute", "token"] {
        let mut browser = Browser::new();
        let work = async |session: &Session| match what {
            "attribute" => session.set("a", &text("x")).await.unwrap(),
            _ => drop(session.create_form_token().await.unwrap()),
        };
        browser.visit(&manager, Optimistic, work).await.unwrap();
        assert!(browser.look(&manager).await.is_some(), "{what}");
    }
}

/// The id was the only credential, and had 64 bits.
#[tokio::test]
async fn defect_11_short_ids() {
    let host = Host::new();
    let manager = host.manager().await;
    let mut browser = new_session(&manager).await;
    let id = browser.look(&manager).await.unwrap();
    assert_eq!(id.len(), 32);
    let secret = &browser.cookie()[id.len() + 1..];
    assert!(secret.len() >= if secret.bytes().all(|b| b.is_ascii_hexdigit()) { 32 } else { 22 }, "{secret}");
}

/// A login kept the id, which an attacker may have planted.
#[tokio::test]
async fn defect_12_session_fixation() {
    let host = Host::new();
    let manager = host.manager().await;
    let mut browser = new_session(&manager).await;
    let mut planted = browser.clone();
    browser.visit(&manager, Optimistic, async |session| session.set_user(Some("ann")).await.unwrap()).await.unwrap();
    assert_eq!(planted.look(&manager).await, None);
    assert!(browser.look(&manager).await.is_some());
}

/// An expired session worked until the next cron job.
#[tokio::test]
async fn defect_13_no_expiry_on_load() {
    let host = Host::new();
    let manager = host.manager().await;
    let mut browser = new_session(&manager).await;
    host.clock().pass(HOUR);
    assert_eq!(browser.look(&manager).await, None);
}

/// Every request wrote the whole session.
#[tokio::test]
async fn defect_14_every_request_writes() {
    let host = Host::new();
    let manager = host.manager().await;
    let mut browser = new_session(&manager).await;
    browser.look(&manager).await.unwrap();
    let before = tree(host.path());
    let calls = Calls::count();
    browser.look(&manager).await.unwrap();
    let made = calls.take();
    assert!(!made.keys().any(|name| name.ends_with(".write") || name.ends_with("set-times")), "{made:?}");
    assert_eq!(tree(host.path()), before);
}

/// Files were world-readable. WASI has no file modes: only the host's umask decides.
#[tokio::test]
async fn defect_15_files_for_everybody() {
    use nix::sys::stat::{Mode, umask};
    use std::os::unix::fs::PermissionsExt;
    let host = Host::new();
    let modes = {
        let before = umask(Mode::from_bits_truncate(0o077));
        let store = host.store().await;
        store.create(Some(ID), &data("x")).await.unwrap();
        store.save(ID, &data(vec![0; 10_000]), None).await.unwrap();
        umask(before);
        let path = session_file(host.path(), ID);
        [&path, path.parent().unwrap()].map(|path| path.metadata().unwrap().permissions().mode() & 0o077)
    };
    assert_eq!(modes, [0, 0]);
}

/// A crash lost the session: the file was truncated, then written, and never synced.
#[tokio::test]
async fn defect_16_no_sync_and_no_atomic_replacement() {
    let host = Host::new();
    let store = host.store_with(Options { durability: Durability::Durable, ..options() }).await;
    let calls = Calls::count();
    store.create(Some(ID), &data("x")).await.unwrap();
    let made = calls.take();
    let count = |name: &str| made.get(&format!("types.[method]descriptor.{name}")).copied().unwrap_or(0);
    assert_eq!((count("rename-at"), count("set-size")), (1, 0), "{made:?}");
    assert!(count("sync-data") >= 2, "data and name: {made:?}");
    store.save(ID, &data("y"), None).await.unwrap();
    assert!(calls.take().contains_key("types.[method]descriptor.sync-data"));
}

/// The flags contradicted the documentation, and for one store they were wrong.
#[tokio::test]
async fn defect_17_flags_that_lie() {
    let directory = tempfile::tempdir().unwrap();
    let machine = LockSpace::machine(directory.path().join("lock")).unwrap();
    let flags = async |locks| {
        let host = Host::new().with_locks(locks);
        let store = host.store().await;
        (store.is_multiprocess_safe().await, store.is_thread_safe().await)
    };
    assert_eq!(flags(machine).await, (true, true));
    assert_eq!(flags(LockSpace::process()).await, (false, true));
}

/// A store in the package could not even be imported. Here every export is usable.
#[tokio::test]
async fn defect_18_a_store_that_does_not_load() {
    let host = Host::new();
    host.store().await.create(None, &data("x")).await.unwrap();
    host.manager().await;
}

/// `has_session` returned a session, `dump()` crashed, removing an absent form token raised `ValueError`.
#[tokio::test]
async fn defect_19_helpers_that_crash() {
    let host = Host::new();
    let manager = host.manager().await;
    let session = Browser::new().start(&manager, Optimistic).await.unwrap();
    assert!(!session.dump().await.is_empty());
    assert!(!session.remove_form_token("absent").await.unwrap());
    assert!(!manager.has("00000000000000000000000000000000").await.unwrap());
}

/// The cookie had no `SameSite`, and `Secure` and `HttpOnly` only on request.
#[tokio::test]
async fn defect_20_an_unprotected_cookie() {
    let host = Host::new();
    let manager = host.manager().await;
    let session = Browser::new().start(&manager, Optimistic).await.unwrap();
    session.increment("visits").await;
    let fields = manager.finish(session).await.unwrap();
    let cookie = &set_cookies(&fields)[0];
    for attribute in ["samesite", "secure", "httponly"] {
        assert!(cookie.attributes.contains_key(attribute), "{cookie:?}");
    }
}

/// A store never closed its database.
#[tokio::test]
async fn defect_21_a_store_that_is_never_closed() {
    let host = Host::new();
    let store = host.store().await;
    let instance = store.instance().clone();
    store.close().await;
    let before = instance.resources().await;
    let store = session_conformance::client::Store::open(&instance, ".", options()).await.unwrap();
    store.create(None, &data("x")).await.unwrap();
    store.close().await;
    assert_eq!(instance.resources().await, before);
}
