//! Opening and setting up a store.

use crate::bindings::Options;
use crate::check::{refused, refused_for};
use crate::client::{Store, data, options};
use crate::harness::{Harness, Need};

const MOST: u32 = 16 << 20;

fn existing() -> Options {
    Options { create: false, ..options() }
}

pub async fn a_missing_store_is_not_made_unasked(host: &impl Harness) {
    let instance = host.instance().await;
    let location = "attic/nowhere";
    for _ in 0..2 {
        let answer = Store::open(&instance, location, existing()).await.map(drop);
        let text = format!("{answer:?}");
        assert!(text.contains(location), "the message names the location: {text}");
        refused(answer, "no-such-store");
    }
}

pub async fn a_store_is_made_when_asked_and_stays(host: &impl Harness) {
    for location in ["sessions-of-a", "deep/down/below"] {
        let first = Store::open(&host.instance().await, location, options()).await.unwrap();
        first.create(Some("session-1"), &data("here")).await.unwrap();
        let again = Store::open(&host.instance().await, location, existing()).await.unwrap();
        assert_eq!(again.text("session-1").await.as_deref(), Some("here"), "{location}");
    }
}

pub async fn stores_at_two_locations_are_two(host: &impl Harness) {
    let instance = host.instance().await;
    let red = Store::open(&instance, "red", options()).await.unwrap();
    let blue = Store::open(&instance, "blue", options()).await.unwrap();
    red.create(Some("session-1"), &data("red")).await.unwrap();
    assert_eq!(blue.text("session-1").await, None);
    let _red = red.lock_now("session-1").await.unwrap();
    blue.create(Some("session-1"), &data("blue")).await.unwrap();
}

pub async fn handles_of_one_instance_are_one_store(host: &impl Harness) {
    let instance = host.instance().await;
    let one = Store::open(&instance, host.location(), options()).await.unwrap();
    let two = Store::open(&instance, host.location(), options()).await.unwrap();
    one.create(Some("session-1"), &data("seen")).await.unwrap();
    one.close().await;
    assert_eq!(two.text("session-1").await.as_deref(), Some("seen"));
}

pub async fn setup_makes_a_store_once(host: &impl Harness) {
    let instance = host.instance().await;
    let store = Store::setup(&instance, host.location(), existing()).await.unwrap();
    store.create(Some("session-1"), &data("kept")).await.unwrap();
    for options in [options(), existing()] {
        refused(Store::setup(&host.instance().await, host.location(), options).await.map(drop), "already-exists");
    }
    assert_eq!(store.text("session-1").await.as_deref(), Some("kept"));
}

/// Concurrent instances that find no store must create and open the same one.
pub async fn a_store_is_made_once_by_many(host: &impl Harness) {
    let (a, b, c) = (host.instance().await, host.instance().await, host.instance().await);
    let open = |instance| Store::open(instance, host.location(), options());
    let (a, b, c) = tokio::join!(open(&a), open(&b), open(&c));
    let (a, b, c) = (a.unwrap(), b.unwrap(), c.unwrap());
    a.create(Some("session-1"), &data("seen")).await.unwrap();
    for other in [&b, &c] {
        assert_eq!(other.text("session-1").await.as_deref(), Some("seen"));
    }
    let _guard = a.lock_now("session-1").await.unwrap();
    refused(b.lock_now("session-1").await.map(drop), host.locked());
}

pub async fn bad_locations_are_refused(host: &impl Harness) {
    let instance = host.instance().await;
    let bad = ["", "/", "/etc", "..", "../up", "a/..", "a/../b", "a//b", "a/", "/.", "./..", "a\0b"];
    for location in bad {
        let invalid = "invalid-argument";
        refused_for(Store::open(&instance, location, options()).await.map(drop), invalid, &location);
        refused_for(Store::open(&instance, location, existing()).await.map(drop), invalid, &location);
        refused_for(Store::setup(&instance, location, options()).await.map(drop), invalid, &location);
    }
}

pub async fn limits_above_the_maximum_are_refused(host: &impl Harness) {
    let instance = host.instance().await;
    for (limit, good) in [(0, true), (MOST, true), (MOST + 1, false), (u32::MAX, false)] {
        let options = Options { size_limit: Some(limit), ..options() };
        let opened = Store::open(&instance, host.location(), options).await.map(drop);
        if good {
            opened.unwrap();
        } else {
            refused_for(opened, "invalid-argument", &limit);
            refused_for(Store::setup(&instance, "other", options).await.map(drop), "invalid-argument", &limit);
        }
    }
}

pub async fn a_store_of_excluding_instances_is_thread_safe(host: &impl Harness) {
    let shared = host.lacks(Need::Instances).is_none();
    assert_eq!(host.store().await.is_thread_safe().await, shared);
}
