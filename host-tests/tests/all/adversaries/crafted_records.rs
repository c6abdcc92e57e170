//! An attacker with write access to session files forges lengths. Checksums are not keyed, so all of them are valid.
//!
//! No length is trusted before the bytes are present: an instance allocates in proportion to what it reads.

use std::fs::{self, File};

use host_tests::host::Host;
use host_tests::tree::session_file;
use session_conformance::bindings::Access::Optimistic;
use session_conformance::browser::{Browser, new_session};
use session_conformance::check::{kind, refused, refused_for};
use session_conformance::client::{Store, data, text};
use session_conformance::harness::Harness;
use xxhash_rust::xxh3::xxh3_64_with_seed;

const ID: &str = "session-1";
const SEED: u64 = 7;
const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;
const SECTOR: usize = 512;

/// The maximum number of sectors in a slot: 16 MiB of data, plus a quarter.
const LARGEST_SLOT: u32 = 40_961;

/// The head of a session's file, with slots of this many sectors.
fn head(sectors: u32) -> Vec<u8> {
    let mut head = b"session3".to_vec();
    head.extend(1_u32.to_le_bytes());
    head.extend(sectors.to_le_bytes());
    head.extend(SEED.to_le_bytes());
    head.extend(xxh3_64_with_seed(&head, 0).to_le_bytes());
    head.resize(64 + 16, 0);
    head.extend([xxh3_64_with_seed(ID.as_bytes(), SEED).to_le_bytes(); 2].as_flattened());
    head.resize(SECTOR, 0);
    head
}

/// A record that claims these lengths of itself and of its owner.
fn record(length: u32, owner: u16, data: &[u8]) -> Vec<u8> {
    let mut record = vec![0; 8];
    record.extend(length.to_le_bytes());
    record.extend(owner.to_le_bytes());
    record.extend([0; 2]);
    for number in [1_u64, 0, 0, 0, 0] {
        record.extend(number.to_le_bytes());
    }
    record.extend(data);
    let end = record.len().min(length as usize).max(8);
    let checksum = xxh3_64_with_seed(&record[8..end], SEED);
    record[..8].copy_from_slice(&checksum.to_le_bytes());
    record
}

fn file(sectors: u32, record: &[u8]) -> Vec<u8> {
    let mut file = [&head(sectors), record].concat();
    file.resize(4096.max(file.len()), 0);
    file
}

/// The growth of a fresh instance's memory during this work on its store.
async fn growth<T>(host: &Host, work: impl AsyncFnOnce(&Store) -> T) -> (T, usize) {
    let store = host.store().await;
    let before = store.instance().memory().await;
    let answer = work(&store).await;
    (answer, store.instance().memory().await - before)
}

/// Files that are not what they claim to be.
fn lies() -> Vec<(&'static str, Vec<u8>)> {
    let honest = 56 + 100;
    vec![
        ("slots of two terabytes", file(u32::MAX, &record(honest, 0, &[7; 100]))),
        ("slots larger than the largest", file(LARGEST_SLOT + 1, &record(honest, 0, &[7; 100]))),
        ("the largest slots, which are not there", file(LARGEST_SLOT, &[])),
        ("slots of nothing", file(0, &record(honest, 0, &[7; 100]))),
        ("a record of four gigabytes", file(2, &record(u32::MAX, 0, &[7; 100]))),
        ("a record longer than its slot", file(2, &record(1025, 0, &[7; 1000]))),
        ("a record shorter than its header", file(2, &record(55, 0, &[7; 100]))),
        ("an owner longer than the record", file(2, &record(honest, 101, &[b'o'; 100]))),
        ("an owner as long as can be", file(2, &record(honest, u16::MAX, &[b'o'; 100]))),
        ("a record of four gigabytes in the largest slots", file(LARGEST_SLOT, &record(u32::MAX, 0, &[7; 100]))),
    ]
}

#[tokio::test]
async fn lengths_that_lie_are_corrupt_and_allocate_nothing() {
    let host = Host::new();
    host.store().await.create(Some(ID), &data([7; 100])).await.unwrap();
    let path = session_file(host.path(), ID);
    let mut most = 0;
    for (what, bytes) in lies() {
        for operation in ["load", "has", "save", "touch", "delete", "guard"] {
            fs::write(&path, &bytes).unwrap();
            let work = async |store: &Store| match operation {
                "load" => store.load(ID).await.map(drop),
                "has" => store.has(ID).await.map(drop),
                "save" => store.save(ID, &data("x"), None).await.map(drop),
                "touch" => store.touch(ID).await,
                "delete" => store.delete(ID).await.map(drop),
                _ => store.lock_now(ID).await.unwrap().load().await.map(drop),
            };
            let (answer, grown) = growth(&host, work).await;
            refused_for(answer, "corrupt", &(what, operation));
            assert!(grown <= 256 * KIB, "{what}, {operation}: {grown} bytes");
            most = most.max(grown);
        }
    }
    fs::write(&path, &lies()[2].1).unwrap();
    let (page, grown) = growth(&host, async |store| store.iter(None).await.unwrap().next_page(10).await.unwrap()).await;
    assert_eq!((page.sessions.len(), &page.unreadable[..]), (0, &[ID.to_owned()][..]));
    assert!(grown <= 256 * KIB, "a listing: {grown} bytes");
    println!("files with forged lengths: an instance grew by {} KiB at most", most / KIB);
}

/// The control: with true lengths, such a file is accepted.
#[tokio::test]
async fn an_honest_record_is_read() {
    let host = Host::new();
    let store = host.store().await;
    store.create(Some(ID), &data("x")).await.unwrap();
    fs::write(session_file(host.path(), ID), file(2, &record(56 + 4, 0, b"data"))).unwrap();
    assert_eq!(store.text(ID).await.as_deref(), Some("data"));
}

/// A sparse file costs its writer nothing, and reading it no more than the largest session: twice, as an incomplete
/// slot is read again in case a writer is active.
#[tokio::test]
async fn a_file_of_holes_costs_no_more_than_the_largest_session() {
    const LARGEST_FILE: usize = SECTOR + 3 * LARGEST_SLOT as usize * SECTOR;
    let host = Host::new();
    host.store().await.create(Some(ID), &data("x")).await.unwrap();
    let path = session_file(host.path(), ID);
    fs::write(&path, file(LARGEST_SLOT, &[])).unwrap();
    File::options().write(true).open(&path).unwrap().set_len(1 << 40).unwrap();
    let (answer, grown) = growth(&host, async |store| store.load(ID).await).await;
    refused(answer, "corrupt");
    assert!(grown <= 2 * LARGEST_FILE + MIB, "{grown} bytes");
    println!("a sparse file, 1 TiB: an instance grew by {} KiB", grown / KIB);
}

/// The data of a managed session: format, hash of the secret, no user, no address, then the rest.
fn managed(rest: &[&[u8]]) -> Vec<u8> {
    [&[1, 32][..], &[7; 32], &[0, 0], &rest.concat()].concat()
}

/// 2^32 - 1 and 2^62 as the codec writes lengths.
const MANY: &[u8] = b"\xff\xff\xff\xff\x0f";
const VERY_MANY: &[u8] = b"\x80\x80\x80\x80\x80\x80\x80\x80\x40";

const TEXT: u8 = 4;
const BYTES: u8 = 5;
const JSON: u8 = 6;

#[tokio::test]
async fn data_whose_lengths_lie_is_corrupt_and_allocates_little() {
    let rows = [
        ("four billion attributes", managed(&[MANY, b"\x01a\x00"])),
        ("more attributes than can be counted", managed(&[VERY_MANY, b"\x01a\x00"])),
        ("a name of four gigabytes", managed(&[b"\x01", MANY, b"name"])),
        ("a text of four gigabytes", managed(&[b"\x01\x01a", &[TEXT], MANY, b"text"])),
        ("bytes of four gigabytes", managed(&[b"\x01\x01a", &[BYTES], MANY, b"bytes"])),
        ("json of four gigabytes", managed(&[b"\x01\x01a", &[JSON], MANY, b"[]"])),
        ("tokens of four gigabytes", managed(&[b"\x00", MANY, &[7; 64]])),
        ("more tokens than are kept", managed(&[b"\x00\xb0\x04", &[7; 560]])),
        ("a secret's hash of four gigabytes", [b"\x01", MANY, &[7; 64]].concat()),
        ("a user of four gigabytes", [&[1, 32][..], &[7; 32], b"\x01", MANY, b"ann"].concat()),
    ];
    let host = Host::new();
    let cookie = format!("{ID}.{}", "0".repeat(32));
    let mut most = 0;
    for (what, bytes) in rows {
        let store = host.store().await;
        store.create(Some(ID), &data(bytes)).await.unwrap();
        let manager = host.manager().await;
        let before = manager.instance().memory().await;
        let answer = manager.inspect(ID).await.map(drop);
        assert_eq!(kind(&answer.expect_err(what)), "corrupt", "{what}");
        assert_eq!(Browser::with("__Host-session", &cookie).look(&manager).await, None, "{what}");
        let grown = manager.instance().memory().await - before;
        // Serde preallocates up to 1 MiB for an announced length.
        assert!(grown <= MIB + 256 * KIB, "{what}: {grown} bytes");
        most = most.max(grown);
        store.delete(ID).await.unwrap();
    }
    println!("data with forged lengths: an instance grew by {} KiB at most", most / KIB);
}

#[tokio::test]
async fn deeply_nested_json() {
    const DEPTH: usize = 400_000;
    let nested = format!("{}{}", "[".repeat(DEPTH), "]".repeat(DEPTH));
    let host = Host::new();
    let manager = host.manager().await;
    let before = manager.instance().memory().await;
    let session = manager.start(&[], None, Optimistic).await.unwrap();
    refused(session.set("json", &session_conformance::bindings::Value::Json(nested.clone())).await, "invalid-argument");
    manager.fail(session).await;
    // Stored by other means, it is ordinary text.
    let length = [0x80, 0xea, 0x30]; // 2 * DEPTH
    let stored = managed(&[b"\x01\x01a", &[JSON], &length, nested.as_bytes(), b"\x00"]);
    host.store().await.create(Some(ID), &data(stored)).await.unwrap();
    let session = manager.inspect(ID).await.unwrap().expect("a session");
    assert_eq!(session.names().await, ["a"]);
    session.dump().await;
    let grown = manager.instance().memory().await - before;
    assert!(grown <= 16 * MIB, "{grown} bytes");
    println!("JSON nested {DEPTH} deep: an instance grew by {} KiB", grown / KIB);
}

#[tokio::test]
async fn cookies_of_many_megabytes() {
    let host = Host::new();
    let browser = new_session(&host.manager().await).await;
    let own = &browser.cookies()[0];
    let large = 16 * MIB;
    let rows = [
        ("a value", vec![format!("__Host-session={}", "x".repeat(large))], false),
        ("a value that begins like ours", vec![format!("{own}{}", "0".repeat(large))], false),
        ("a name", vec!["x".repeat(large)], false),
        ("separators", vec![";".repeat(large)], false),
        ("ours behind many others", vec![format!("{}{own}", "a=b; ".repeat(large / 5))], true),
        ("many fields", vec!["a=b".to_owned(); 100_000], false),
    ];
    for (what, cookies, is_ours) in rows {
        let size: usize = cookies.iter().map(|cookie| cookie.len() + 8).sum();
        let manager = host.manager().await;
        let before = manager.instance().memory().await;
        let session = manager.start(&cookies, None, Optimistic).await.unwrap();
        assert_eq!(session.id().await.is_some(), is_ours, "{what}");
        let grown = manager.instance().memory().await - before;
        assert!(grown <= 4 * size + MIB, "{what}: {grown} bytes for {size}");
        println!("cookies, {what}: {} KiB, an instance grew by {} KiB", size / KIB, grown / KIB);
        session.set("a", &text("b")).await.unwrap();
        manager.finish(session).await.unwrap();
    }
}
