//! Limits on the number of sessions, and clients that never return.

use crate::bindings::Access::Optimistic;
use crate::bindings::{Answer, Client};
use crate::browser::{Browser, new_session};
use crate::check::refused_for;
use crate::client::{Configuration, Manager, integer};
use crate::clock::{HOUR, MINUTE, SECOND};
use crate::harness::Harness;

/// Creates a session for a client with this address.
async fn arrive(manager: &Manager, address: &str) -> Answer<()> {
    let client = Client { address: Some(address.into()), user_agent: None };
    let session = manager.start_of(&[], &client, Optimistic).await.unwrap();
    session.set("a", &integer(1)).await.unwrap();
    manager.finish(session).await.map(drop)
}

async fn sessions(host: &impl Harness) -> usize {
    host.store().await.ids().await.iter().filter(|id| !id.starts_with("tally")).count()
}

pub async fn an_address_makes_so_many_sessions_a_minute(host: &impl Harness) {
    let configuration = Configuration { new_sessions: Some(2), ..Configuration::default() };
    for (row, (address, wait, refused)) in [
        ("192.0.2.1", 0, false),
        ("192.0.2.1", 0, false),
        ("192.0.2.1", 0, true),
        ("192.0.2.2", 0, false),
        ("192.0.2.1", MINUTE - SECOND, true),
        ("192.0.2.1", 2 * SECOND, false),
    ]
    .into_iter()
    .enumerate()
    {
        host.clock().pass(wait);
        // A new instance each time: they share the counts.
        let answer = arrive(&host.manager_with(configuration.clone()).await, address).await;
        if refused {
            refused_for(answer, "busy", &row);
        } else {
            answer.unwrap();
        }
    }
    assert_eq!(sessions(host).await, 4);
    host.clock().set(host.clock().now() - HOUR);
    arrive(&host.manager_with(configuration).await, "192.0.2.1").await.expect("a clock stepped back refuses no client");
}

pub async fn the_store_holds_so_many_sessions(host: &impl Harness) {
    let limited = Configuration { store_limits: (Some(3), None), ..Configuration::default() };
    let manager = host.manager_with(limited).await;
    for _ in 0..3 {
        arrive(&manager, "192.0.2.1").await.unwrap();
    }
    refused_for(arrive(&manager, "192.0.2.2").await, "no-space", &"a fourth");
    assert_eq!(sessions(host).await, 3);
    let store = host.store().await;
    for id in store.ids().await {
        store.delete(&id).await.unwrap();
    }
    host.clock().pass(MINUTE + SECOND);
    arrive(&manager, "192.0.2.1").await.expect("deleted sessions make room");
}

pub async fn the_store_holds_so_many_bytes(host: &impl Harness) {
    let limited = Configuration { store_limits: (None, Some(1 << 20)), ..Configuration::default() };
    let manager = host.manager_with(limited).await;
    let mut fitted = 0;
    let answer = loop {
        let session = Browser::new().start(&manager, Optimistic).await.unwrap();
        session.set("a", &crate::bindings::Value::Bytes(vec![7; 100_000])).await.unwrap();
        match manager.finish(session).await {
            Ok(_) => fitted += 1,
            Err(error) => break Err::<(), _>(error),
        }
        assert!(fitted <= 10, "ten of them fill 1 MiB");
    };
    refused_for(answer, "no-space", &fitted);
    assert!(fitted > 0);
}

pub async fn a_limit_holds_however_many_come_at_once(host: &impl Harness) {
    let limited = Configuration { store_limits: (Some(5), None), ..Configuration::default() };
    let some = || async {
        let manager = host.manager_with(limited.clone()).await;
        let mut arrived = 0;
        for _ in 0..3 {
            arrived += usize::from(arrive(&manager, "192.0.2.1").await.is_ok());
        }
        arrived
    };
    let (a, b, c, d) = tokio::join!(some(), some(), some(), some());
    assert_eq!((a + b + c + d, sessions(host).await), (5, 5));
}

pub async fn a_client_that_does_not_come_back_leaves_nothing(host: &impl Harness) {
    let configuration = Configuration { unconfirmed_timeout: Some(5 * MINUTE), ..Configuration::default() };
    let manager = host.manager_with(configuration).await;
    let mut looking = Browser::new();
    for _ in 0..20 {
        looking.visit(&manager, Optimistic, async |session| session.len().await).await.unwrap();
    }
    assert_eq!(sessions(host).await, 0, "a client that only reads leaves nothing");
    for _ in 0..20 {
        new_session(&manager).await;
    }
    let mut visitor = new_session(&manager).await;
    host.clock().pass(5 * MINUTE - SECOND);
    assert!(visitor.look(&manager).await.is_some());
    assert_eq!(sessions(host).await, 21);
    host.clock().pass(2 * SECOND);
    assert_eq!(sessions(host).await, 1, "only the client that returned");
    host.clock().pass(24 * MINUTE);
    assert!(visitor.look(&manager).await.is_some(), "it now has the usual timeouts");
}
