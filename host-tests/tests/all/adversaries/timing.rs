//! An attacker measures how long a refusal takes, to guess a secret byte by byte.
//!
//! Time is counted in instructions of the component, exactly, by Wasmtime: no noise, no statistics. The host's work
//! does not depend on the secret, which never leaves the component.
//!
//! Not constant, and not secret: whether an id exists. An unknown id reads no file.

use std::collections::BTreeSet;
use std::fs;

use host_tests::host::Host;
use host_tests::tree::session_file;
use session_conformance::bindings::Access::Optimistic;
use session_conformance::browser::{PEER, new_session};
use session_conformance::client::{Configuration, Manager, data, options};
use session_conformance::harness::Harness;

const NAME: &str = "__Host-session";

/// The instructions it takes to refuse a cookie; `None` if it is accepted. Each in a fresh instance, all else being
/// equal.
async fn refusal(host: &Host, cookie: &str) -> Option<u64> {
    let instance = host.instance().await;
    let manager = Manager::open(&instance, host.location(), options(), &Configuration::default()).await.unwrap();
    let before = instance.instructions().await;
    let session = manager.start(&[format!("{NAME}={cookie}")], Some(PEER), Optimistic).await.unwrap();
    let instructions = instance.instructions().await - before;
    session.id().await.is_none().then_some(instructions)
}

/// The text with another hex digit at this index.
fn with_other_digit(text: &str, at: usize) -> String {
    let other = if text.as_bytes()[at] == b'0' { "1" } else { "0" };
    format!("{}{other}{}", &text[..at], &text[at + 1..])
}

#[tokio::test]
async fn every_wrong_secret_takes_the_same_time() {
    let host = Host::new().metered();
    let browser = new_session(&host.manager().await).await;
    let cookie = browser.cookie();
    let (id, secret) = cookie.split_once('.').unwrap();
    let mut measured = BTreeSet::new();
    for at in 0..secret.len() {
        let wrong = with_other_digit(secret, at);
        measured.insert(refusal(&host, &format!("{id}.{wrong}")).await.expect("a refusal"));
    }
    for digit in ["0", "f"] {
        measured.insert(refusal(&host, &format!("{id}.{}", digit.repeat(32))).await.expect("a refusal"));
    }
    assert_eq!(measured.len(), 1, "{measured:?}");
    assert_eq!(refusal(&host, cookie).await, None);

    let unknown = with_other_digit(id, 0);
    let unknown = refusal(&host, &format!("{unknown}.{secret}")).await.expect("a refusal");
    println!("a wrong secret: {measured:?} instructions, an unknown id: {unknown}");
}

/// The converse: the stored hash differs from the cookie's in one byte: the first, the last, or any other. A comparison
/// that stops at the first difference would show here.
#[tokio::test]
async fn wherever_the_hashes_differ() {
    const HASH: usize = 2; // after the format and the length of the hash
    let host = Host::new().metered();
    let browser = new_session(&host.manager().await).await;
    let id = &browser.cookie()[..32];
    let store = host.store().await;
    let file = session_file(host.path(), id);
    let kept = store.load(id).await.unwrap().unwrap().data;
    assert_eq!(kept[..HASH], [1, 32]);
    let before = fs::read(&file).unwrap();
    let mut measured = BTreeSet::new();
    for byte in 0..32 {
        let mut other = kept.clone();
        other[HASH + byte] ^= 0x40;
        // Start from the same file, so that the slots are at the same offsets.
        fs::write(&file, &before).unwrap();
        store.save(id, &data(other), None).await.unwrap();
        measured.insert(refusal(&host, browser.cookie()).await.expect("a refusal"));
    }
    assert_eq!(measured.len(), 1, "{measured:?}");
    fs::write(&file, &before).unwrap();
    assert_eq!(refusal(&host, browser.cookie()).await, None);
    println!("a hash that differs in any one byte: {measured:?} instructions");
}
