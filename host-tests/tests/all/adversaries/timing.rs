//! Somebody who measures how long a refusal takes, to guess a secret byte by byte.
//!
//! Time is counted in instructions of the component, which Wasmtime does exactly: no noise, no statistics. What the host
//! does for the component does not depend on the secret, as that never leaves the component.
//!
//! Not constant, and no secret: whether an id is a session's. One that is not costs no reading of a file.

use std::collections::BTreeSet;
use std::fs;

use host_tests::host::Host;
use host_tests::tree::session_file;
use session_conformance::bindings::Access::Optimistic;
use session_conformance::browser::{PEER, new_session};
use session_conformance::client::{Configuration, Manager, data, options};
use session_conformance::harness::Harness;

const NAME: &str = "__Host-session";

/// How many instructions it takes to refuse a cookie; none when it is accepted. Each time in a fresh instance, in which
/// nothing else is different.
async fn refusal(host: &Host, cookie: &str) -> Option<u64> {
    let instance = host.instance().await;
    let manager = Manager::open(&instance, host.location(), options(), &Configuration::default()).await.unwrap();
    let before = instance.instructions().await;
    let session = manager.start(&[format!("{NAME}={cookie}")], Some(PEER), Optimistic).await.unwrap();
    let instructions = instance.instructions().await - before;
    session.id().await.is_none().then_some(instructions)
}

/// A text with another hex digit at this place.
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
        measured.insert(refusal(&host, &format!("{id}.{wrong}")).await.expect("it is refused"));
    }
    for digit in ["0", "f"] {
        measured.insert(refusal(&host, &format!("{id}.{}", digit.repeat(32))).await.expect("it is refused"));
    }
    assert_eq!(measured.len(), 1, "{measured:?}");
    assert_eq!(refusal(&host, cookie).await, None);

    let unknown = with_other_digit(id, 0);
    let unknown = refusal(&host, &format!("{unknown}.{secret}")).await.expect("it is refused");
    println!("a wrong secret: {measured:?} instructions, an unknown id: {unknown}");
}

/// The same seen from the other side: the session keeps a hash that differs from the cookie's in one byte, the first,
/// the last, or any other. That is where a comparison that stops at the first difference would show.
#[tokio::test]
async fn wherever_the_hashes_differ() {
    const HASH: usize = 2; // behind the format and the length of the hash
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
        // From the same file each time, or the versions would be at other places in it.
        fs::write(&file, &before).unwrap();
        store.save(id, &data(other), None).await.unwrap();
        measured.insert(refusal(&host, browser.cookie()).await.expect("it is refused"));
    }
    assert_eq!(measured.len(), 1, "{measured:?}");
    fs::write(&file, &before).unwrap();
    assert_eq!(refusal(&host, browser.cookie()).await, None);
    println!("a hash that differs in any one byte: {measured:?} instructions");
}
