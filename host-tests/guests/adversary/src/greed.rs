//! Ways to exhaust a resource. Those that do not return end with a trap or the host's timeout.

use std::hint::black_box;
use std::mem::forget;

use wasi::clocks::monotonic_clock::subscribe_duration;
use wasi::filesystem::preopens::get_directories;
use wasi::filesystem::types::{DescriptorFlags, OpenFlags, PathFlags};
use wasi::http::types::{Fields, IncomingRequest};
use wasi::io::streams::OutputStream;
use wasi::random::random::get_random_bytes;

use crate::bindings::{Mode, acquire};

const HOUR: u64 = 3_600_000_000_000;

pub fn spin() {
    let mut count = 0_u64;
    loop {
        count = black_box(count.wrapping_add(1));
    }
}

pub fn recurse(depth: u64) -> u64 {
    let frame = black_box([depth; 64]);
    if depth == 0 { 0 } else { recurse(depth - 1) + frame[63] }
}

/// Returns the number of bytes, which are kept.
pub fn grow() -> usize {
    let block = black_box(vec![1_u8; 4 << 20]);
    let length = block.len();
    forget(block);
    length
}

pub fn allocate() {
    loop {
        forget(black_box(vec![1_u8; 1 << 20]));
    }
}

pub fn wait() {
    subscribe_duration(HOUR).block();
}

/// Returns the number acquired; all are kept.
pub fn open_files(most: u32) -> u32 {
    let (directory, _) = &get_directories()[0];
    let (create, flags) = (OpenFlags::CREATE, DescriptorFlags::READ | DescriptorFlags::WRITE);
    let opened = (0..most).map_while(|_| directory.open_at(PathFlags::empty(), "opened", create, flags).ok());
    opened.map(forget).count() as u32
}

/// Header fields of the maximum size.
pub fn make_fields() {
    loop {
        let fields = Fields::new();
        while fields.append("name", &[b'v'; 1 << 12]).is_ok() {}
        forget(fields);
    }
}

pub fn make_pollables() {
    loop {
        forget(subscribe_duration(HOUR));
    }
}

pub fn random() -> usize {
    get_random_bytes(u64::MAX).len()
}

/// Returns the number acquired; all are kept.
pub fn take_locks() -> u32 {
    let mut taken = 0;
    while let Ok(guard) = acquire(&format!("mine {taken}"), Mode::Exclusive, 0) {
        forget(guard);
        taken += 1;
    }
    taken
}

pub fn write_for_ever(stream: &OutputStream) {
    while stream.blocking_write_and_flush(&[b'x'; 4096]).is_ok() {}
}

pub fn write_locked(stream: &OutputStream) {
    let _guard = acquire("page", Mode::Exclusive, 60_000).expect("no holder keeps it that long");
    write_page(stream);
}

/// Writes 900 KiB, the size of a large page.
pub fn write_page(stream: &OutputStream) {
    for _ in 0..900 {
        if stream.blocking_write_and_flush(&[b'x'; 1024]).is_err() {
            return;
        }
    }
}

pub fn read_all(request: &IncomingRequest) -> usize {
    let body = request.consume().expect("the body is not taken");
    let stream = body.stream().expect("the stream is not taken");
    let mut length = 0;
    while let Ok(part) = stream.blocking_read(1 << 16) {
        length += part.len();
    }
    length
}
