//! Hosts that grant the component less than it needs, or more.

use std::fs;

use host_tests::host::Host;
use session_conformance::bindings::advisory_locks::Error;
use session_conformance::check::refused_for;
use session_conformance::client::{Store, data, options};
use session_conformance::harness::Harness;

const ID: &str = "session-1";

#[tokio::test]
async fn without_a_directory_there_is_no_store() {
    let host = Host::new().with_preopens(&[]);
    let instance = host.instance().await;
    refused_for(Store::open(&instance, ".", options()).await.map(drop), "access-denied", &"open");
    refused_for(Store::setup(&instance, ".", options()).await.map(drop), "access-denied", &"setup");
}

/// The first part of a location may name a directory; the default is the first directory.
#[tokio::test]
async fn of_several_directories_the_location_names_one() {
    let host = Host::new().with_preopens(&["first", "second"]);
    for name in ["first", "second"] {
        fs::create_dir(host.path().join(name)).unwrap();
    }
    let instance = host.instance().await;
    for (location, place) in
        [("second/store", "second/store"), ("first", "first"), (".", "first"), ("store", "first/store")]
    {
        Store::open(&instance, location, options()).await.unwrap();
        assert!(host.path().join(place).join("session3.store").is_file(), "{location}");
    }
}

/// Its name is then not part of a location.
#[tokio::test]
async fn a_single_directory_is_not_named() {
    let host = Host::new().with_preopens(&["only"]);
    fs::create_dir(host.path().join("only")).unwrap();
    let instance = host.instance().await;
    Store::open(&instance, "only/store", options()).await.unwrap();
    assert!(host.path().join("only/only/store/session3.store").is_file());
}

#[tokio::test]
async fn locks_that_are_refused() {
    let host = Host::new();
    host.store().await.create(Some(ID), &data("x")).await.unwrap();
    fs::write(host.path().join("session3.store~0123456789abcdef"), "left by a set-up that was killed").unwrap();
    for (refusal, expected) in [
        (Error::TimedOut, "busy"),
        (Error::TooMany, "busy"),
        (Error::Deadlock, "deadlock"),
        (Error::InvalidName, "other"),
        (Error::Other("the lock file is gone".into()), "other"),
    ] {
        let store = Host::on(host.path()).refusing_locks(refusal.clone()).store().await;
        refused_for(store.save(ID, &data("y"), None).await, expected, &refusal);
        refused_for(store.create(None, &data("y")).await, expected, &refusal);
        refused_for(store.delete(ID).await, expected, &refusal);
        if expected == "other" {
            refused_for(store.delete_old(0).await, expected, &refusal);
            refused_for(store.collect(1000, None).await.map(drop), expected, &refusal);
        } else {
            assert_eq!(store.collect(1000, None).await.unwrap().abandoned, 0, "{refusal:?}: it may still be written");
            assert_eq!(store.delete_old(0).await.unwrap(), (0, 1), "{refusal:?}: it is in use");
        }
        assert_eq!(store.text(ID).await.as_deref(), Some("x"), "a load needs no lock");
    }
}
