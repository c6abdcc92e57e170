//! A hundred thousand sessions, a quarter of them of one user.

use std::time::Instant;

use host_tests::postgres::{PASSWORD, Postgres};
use host_tests::redis::Redis;
use session_conformance::Harness;
use session_conformance::client::{contents, data};
use session_runtime::engines::SharedEngine;
use session_runtime::engines::postgres::PostgresBuilder;
use session_runtime::engines::redis::RedisBuilder;
use tokio::task::JoinSet;

use crate::engines::back_end;

const SESSIONS: u64 = 100_000;
const OWNED: u64 = SESSIONS / 4;
const CLIENTS: u64 = 16;
const PAGE: u32 = 1_000;

async fn measure(name: &str, engine: &SharedEngine, bytes: impl Fn() -> u64) {
    let host = back_end(engine);
    let mut clients = JoinSet::new();
    let before = bytes();
    let start = Instant::now();
    for client in 0..CLIENTS {
        let store = host.store().await;
        clients.spawn(async move {
            for number in (client..SESSIONS).step_by(CLIENTS as usize) {
                let all = [b'x'; 500];
                let contents = if number < OWNED { contents("ann", all) } else { data(all) };
                store.create(Some(&format!("session-{number:08}")), &contents).await.unwrap();
            }
        });
    }
    while let Some(client) = clients.join_next().await {
        client.unwrap();
    }
    println!("\n{name}: {SESSIONS} sessions of 500 bytes made in {:.1?}", start.elapsed());
    let taken = bytes() - before;
    let store = host.store().await;

    let start = Instant::now();
    let (cursor, mut listed) = (store.iter(None).await.unwrap(), 0);
    while let count @ 1.. = cursor.next_page(PAGE).await.unwrap().sessions.len() as u64 {
        listed += count;
    }
    println!("all listed in pages of {PAGE}: {:.1?}", start.elapsed());
    assert_eq!(listed, SESSIONS);

    let start = Instant::now();
    let found = store.sessions_of("ann").await.unwrap().len() as u64;
    println!("the {OWNED} of one user listed: {:.1?}", start.elapsed());
    assert_eq!(found, OWNED);

    let start = Instant::now();
    assert_eq!(store.count_of("ann").await.unwrap(), OWNED);
    println!("and counted: {:.1?}", start.elapsed());

    let start = Instant::now();
    let usage = store.usage().await.unwrap();
    println!("usage: {:.1?}; {} sessions, {} bytes; {taken} in fact", start.elapsed(), usage.sessions, usage.bytes);
    assert!(usage.sessions.abs_diff(SESSIONS) < SESSIONS / 20, "{usage:?}");
    assert!(usage.bytes.abs_diff(taken) < taken / 4, "{usage:?}, {taken} in fact");

    let start = Instant::now();
    assert_eq!(store.delete_sessions_of("ann").await.unwrap(), OWNED);
    println!("the user logged out everywhere: {:.1?}", start.elapsed());
    assert_eq!(store.count_of("ann").await.unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "prints figures: scripts/bench-engines"]
async fn a_hundred_thousand_sessions_on_redis() {
    let redis = Redis::relaxed();
    let engine = RedisBuilder::new(&redis.url()).unwrap().build();
    measure("Redis", &engine, || redis.info("used_memory")).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "prints figures: scripts/bench-engines"]
async fn a_hundred_thousand_sessions_on_postgres() {
    let postgres = Postgres::new();
    let engine = PostgresBuilder::new(&postgres.url_with(PASSWORD)).unwrap().build();
    let size = "SELECT coalesce(sum(pg_total_relation_size(oid)), 0) FROM pg_class WHERE relname = 'sessions' AND relkind = 'r'";
    let used = || postgres.sql(size).trim().parse().unwrap();
    measure("PostgreSQL", &engine, used).await;
}
