//! Large sessions in a server instance's memory: a stored session can be loaded, and one too large is refused when
//! stored. A session that traps every request with its cookie would lock its user out.

use host_tests::host::Host;
use host_tests::tree::named;
use session_conformance::bindings::Access::{Optimistic, ReadOnly};
use session_conformance::bindings::{Contents, Error, Options, Value};
use session_conformance::client::{Configuration, Manager, contents, options};
use session_conformance::harness::Harness;

/// The default of `session3 serve`.
const MEMORY: usize = 64 << 20;

const MIB: usize = 1 << 20;

/// The contract's maximum.
fn large() -> Options {
    Options { size_limit: Some(16 << 20), ..options() }
}

fn of(size: usize) -> Contents {
    contents("ann", vec![7; size])
}

async fn loads(host: &Host, size: usize) {
    let session = host.store_with(large()).await.load("session-1").await.unwrap().unwrap();
    assert!(session.data == vec![7; size], "{size}");
}

#[tokio::test]
async fn what_is_stored_can_be_loaded() {
    let mut largest = 0;
    for half in 1..=32 {
        let size = half * MIB / 2;
        let host = Host::new().with_memory(MEMORY);
        match host.store_with(large()).await.create(Some("session-1"), &of(size)).await {
            Ok(_) => largest = size,
            Err(Error::TooLarge(limit)) => {
                assert!((1..size).contains(&(limit as usize)), "{limit} of {size}");
                assert_eq!(named(host.path(), "session-1").len(), 0, "neither a session nor an entry in the index");
                host.store_with(large()).await.create(Some("session-1"), &of(limit as usize)).await.unwrap();
                loads(&host, limit as usize).await;
                continue;
            }
            Err(error) => panic!("{size}: {error:?}"),
        }
        loads(&host, size).await;
        // Again, in place; then from a small session to that.
        let store = host.store_with(large()).await;
        match store.save("session-1", &of(size), None).await {
            Ok(_) | Err(Error::TooLarge(_)) => loads(&host, size).await,
            Err(error) => panic!("{size}: {error:?}"),
        }
        host.store_with(large()).await.save("session-1", &of(1), None).await.unwrap();
        match host.store_with(large()).await.save("session-1", &of(size), None).await {
            Ok(_) => loads(&host, size).await,
            Err(Error::TooLarge(_)) => loads(&host, 1).await,
            Err(error) => panic!("{size}: {error:?}"),
        }
    }
    assert!(largest >= 10 * MIB, "only {largest}");
}

#[tokio::test]
async fn through_the_manager_too() {
    let mut largest = 0;
    for size in (1..=16).map(|size| size * MIB - 1000) {
        let host = Host::new().with_memory(MEMORY);
        let open =
            async || Manager::open(&host.instance().await, ".", large(), &Configuration::default()).await.unwrap();
        let manager = open().await;
        let session = manager.start(&[], None, Optimistic).await.unwrap();
        let set = session.set("a", &Value::Bytes(vec![7; size])).await;
        let stored = match set {
            Ok(()) => manager.finish(session).await,
            Err(error) => Err(error),
        };
        let cookie = match stored {
            Ok(fields) => fields[0].1.split(';').next().unwrap().to_owned(),
            Err(Error::TooLarge(limit)) => {
                assert!((limit as usize) < size, "{limit} of {size}");
                continue;
            }
            Err(error) => panic!("{size}: {error:?}"),
        };
        largest = size;
        for access in [ReadOnly, Optimistic] {
            let manager = open().await;
            let session = manager.start(&[cookie.clone()], None, access).await.unwrap();
            let Some(Value::Bytes(bytes)) = session.get("a").await else { panic!("{size}") };
            assert!(bytes == vec![7; size]);
        }
    }
    assert!(largest >= 4 * MIB, "only {largest}");
}
