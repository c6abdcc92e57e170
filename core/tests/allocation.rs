//! Decoding allocates memory in proportion to the input, whatever lengths it announces.
//!
//! A separate test program: the allocator counts for all threads.

use std::alloc::System;
use std::fs;
use std::hint::black_box;
use std::path::Path;

use session_core::credential::Credential;
use session_core::slots::{self, Slots};
use session_core::state::State;
use session_core::{SessionId, cookie, json, record::Version};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// For an error message.
const TEXT: usize = 1 << 10;

/// Serde preallocates up to this for an announced length.
const ANNOUNCED: usize = 1 << 20;

/// An attribute takes at least 2 bytes to store and 56 in memory, and the memory doubles as it fills.
const FOR_EACH_BYTE: usize = 2 * 2 * 56 / 2;

/// JSON takes a byte for each level, and that memory doubles as it fills.
const FOR_EACH_LEVEL: usize = 4;

/// The bytes that `work` allocates, including those that it frees.
fn allocated<T>(work: impl FnOnce() -> T) -> usize {
    let region = Region::new(ALLOCATOR);
    black_box(work());
    region.change().bytes_allocated
}

#[test]
fn reading_allocates_no_more_than_there_is_to_read() {
    let id = SessionId::parse("session-1").expect("an id");
    for data in inputs() {
        let text = String::from_utf8_lossy(&data).into_owned();
        let limit = ANNOUNCED + FOR_EACH_BYTE * data.len() + TEXT;
        let used = allocated(|| State::decode(&data));
        assert!(used <= limit, "{used} bytes for data of {}", data.len());
        let used = allocated(|| json::check(&text));
        assert!(used <= FOR_EACH_LEVEL * text.len() + TEXT, "{used} bytes for JSON of {}", text.len());
        for used in [
            allocated(|| Slots::parse(&data, &id).map(drop)),
            allocated(|| SessionId::parse(&text)),
            allocated(|| Credential::parse(&text)),
            allocated(|| cookie::cookies(std::slice::from_ref(&text), "a").count()),
        ] {
            assert!(used <= TEXT, "{used} bytes for a file, an id or a cookie of {}", data.len());
        }
    }
}

/// The fuzzers' corpora, and the most expensive inputs.
fn inputs() -> Vec<Vec<u8>> {
    let mut inputs = Vec::new();
    for target in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus")).expect("corpora") {
        for file in fs::read_dir(target.expect("a corpus").path()).expect("a corpus") {
            inputs.push(fs::read(file.expect("a file").path()).expect("a file"));
        }
    }
    let nobody = [&[1, 32][..], &[0; 32], &[0, 0]].concat();
    // A million attributes without a name, and a million announced but missing.
    let million = [0xc0, 0x84, 0x3d];
    inputs.push([&nobody[..], &million, &vec![0; 2_000_001]].concat());
    inputs.push([&nobody[..], &million].concat());
    inputs.push(b"[".repeat(1 << 20));
    let id = SessionId::parse("session-1").expect("an id");
    let data = vec![0; 1 << 20];
    let version =
        Version { version: 1, created: 1, modified: 1, owner: None, idle_timeout: None, deadline: None, data: &data };
    inputs.push(slots::new_file(&id, &version, 7).1);
    inputs
}
