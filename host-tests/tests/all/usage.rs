//! The usage of a large store, estimated from a sample.

use std::fs;

use host_tests::host::Host;
use session_conformance::harness::Harness;

/// Far more than are sampled: the result is an estimate, good to a few percent. Names are enough to count.
#[tokio::test]
async fn a_large_store_is_estimated() {
    const SESSIONS: u64 = 20_000;
    let host = Host::new();
    let store = host.store().await;
    for number in 0..SESSIONS {
        let shard = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56;
        fs::write(host.path().join(format!("sessions/{shard:02x}/session-{number}")), [0; 100]).unwrap();
    }
    let usage = store.usage().await.unwrap();
    let off = usage.sessions.abs_diff(SESSIONS) * 100 / SESSIONS;
    assert!(off <= 5, "{usage:?} is off by {off} %");
    assert_eq!(usage.bytes / 100, usage.sessions);
}

/// What is counted in some directories is scaled to all: exact where sessions are spread evenly.
#[tokio::test]
async fn the_estimate_of_an_evenly_spread_store_is_exact() {
    let host = Host::new();
    let store = host.store().await;
    let mut sessions = 0;
    for per_directory in [15, 32] {
        for shard in 0..=u8::MAX {
            for number in 0..per_directory {
                let name = format!("sessions/{shard:02x}/session-{per_directory}-{number}");
                fs::write(host.path().join(name), [0; 10]).unwrap();
            }
        }
        sessions += 256 * per_directory;
        let usage = store.usage().await.unwrap();
        assert_eq!((usage.sessions, usage.bytes), (sessions, 10 * sessions));
    }
}
