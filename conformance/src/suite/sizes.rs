//! Data of every size, and the size limit.

use crate::bindings::Options;
use crate::check::refused_for;
use crate::client::{Store, data, options};
use crate::harness::Harness;

const ID: &str = "session-1";
const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;

/// Bytes that reveal a shifted, truncated or mixed block.
fn pattern(length: usize, seed: usize) -> Vec<u8> {
    (0..length).map(|at| (at.wrapping_mul(31) ^ (at >> 8) ^ seed) as u8).collect()
}

#[track_caller]
fn expect(found: &[u8], wanted: &[u8], row: &str) {
    assert_eq!(found.len(), wanted.len(), "{row}");
    assert!(found == wanted, "{row}: bytes differ");
}

async fn loads(store: &Store, id: &str, wanted: &[u8], row: &str) {
    let session = store.load(id).await.unwrap().unwrap();
    assert_eq!(session.info.size as usize, wanted.len(), "{row}");
    expect(&session.data, wanted, row);
}

pub async fn every_size_comes_back(host: &impl Harness) {
    let (writer, reader) = (host.store().await, host.store().await);
    let sizes = [0, 1, 2, 255, 256].into_iter().chain((400..=1200).step_by(25)).chain([
        4 * KIB - 1,
        4 * KIB,
        64 * KIB - 1,
        64 * KIB,
        64 * KIB + 1,
        MIB,
    ]);
    for size in sizes {
        let (first, second) = (pattern(size, 1), pattern(size, 2));
        let id = writer.create(None, &data(&first)).await.unwrap().id;
        loads(&reader, &id, &first, &format!("{size} bytes, created")).await;
        writer.save(&id, &data(&second), None).await.unwrap();
        loads(&reader, &id, &second, &format!("{size} bytes, saved")).await;
    }
}

pub async fn the_largest_size_comes_back(host: &impl Harness) {
    let store = host.store_with(Options { size_limit: Some(16 << 20), ..options() }).await;
    let (first, second) = (pattern(16 * MIB, 1), pattern(16 * MIB, 2));
    store.create(Some(ID), &data(&first)).await.unwrap();
    loads(&store, ID, &first, "created").await;
    store.save(ID, &data(&second), None).await.unwrap();
    loads(&store, ID, &second, "saved").await;
    refused_for(store.save(ID, &data(pattern(16 * MIB + 1, 3)), None).await, "too-large 16777216", &"one byte more");
    loads(&store, ID, &second, "refused").await;
}

pub async fn data_grows_and_shrinks(host: &impl Harness) {
    let (writer, reader) = (host.store().await, host.store().await);
    writer.create(Some(ID), &data("")).await.unwrap();
    let sizes = [10, 2_000, 10, 70_000, 0, 1_000, 1_001, 900, 200_000, 3, MIB, 1];
    for (at, size) in sizes.into_iter().enumerate() {
        let bytes = pattern(size, at);
        assert_eq!(writer.save(ID, &data(&bytes), None).await.unwrap(), at as u64 + 2);
        loads(&reader, ID, &bytes, &format!("save {at}, {size} bytes")).await;
    }
}

pub async fn a_hundred_growing_saves(host: &impl Harness) {
    let (writer, reader) = (host.store().await, host.store().await);
    writer.create(Some(ID), &data("")).await.unwrap();
    for step in 1..=100 {
        let bytes = pattern(step * 97, step);
        assert_eq!(writer.save(ID, &data(&bytes), None).await.unwrap(), step as u64 + 1);
        loads(&reader, ID, &bytes, &format!("save {step}")).await;
    }
}

pub async fn the_limit_is_exact(host: &impl Harness) {
    for (limit, most) in [(Some(0), 0), (Some(1), 1), (Some(100), 100), (None, MIB)] {
        let store = host.store_with(Options { size_limit: limit, ..options() }).await;
        let (fits, too_large) = (data(pattern(most, 1)), data(pattern(most + 1, 1)));
        let expected = format!("too-large {most}");
        let id = store.create(None, &fits).await.unwrap().id;
        refused_for(store.create(None, &too_large).await, &expected, &limit);
        refused_for(store.save(&id, &too_large, None).await, &expected, &limit);
        let guard = store.lock_now(&id).await.unwrap();
        refused_for(guard.save(&too_large, None).await, &expected, &limit);
        guard.close().await;
        store.save(&id, &fits, None).await.unwrap();
        loads(&store, &id, &fits.data, "at the limit").await;
    }
}

pub async fn the_limit_is_for_writing_only(host: &impl Harness) {
    let big = host.store().await;
    big.create(Some(ID), &data(pattern(5_000, 1))).await.unwrap();
    let small = host.store_with(Options { size_limit: Some(10), ..options() }).await;
    loads(&small, ID, &pattern(5_000, 1), "more than its own limit").await;
    assert_eq!(small.rename(ID, Some("session-2")).await.unwrap(), "session-2");
    loads(&small, "session-2", &pattern(5_000, 1), "renamed").await;
}
