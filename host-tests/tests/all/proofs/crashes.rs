//! Every sequence of three operations; in the last, every fault at every host call; after it, every state that a power
//! cut may leave.

use host_tests::sim::explore::Explorer;
use host_tests::sim::script::Start;

use super::product;

/// Maximum length.
const LENGTH: usize = 3;

fn explore(start: Start, durable: bool) {
    let report = Explorer::new(&product(durable), start).sequences(LENGTH).unwrap();
    println!("{start:?}, {}: {report}", if durable { "durable" } else { "relaxed" });
}

/// More than one call fails: the rollback fails too.
#[test]
fn on_a_disk_that_dies() {
    for (start, durable) in [(Start::Fresh, true), (Start::Used, true), (Start::Used, false)] {
        Explorer::new(&product(durable), start).dying_disk().unwrap();
    }
}

#[test]
fn from_a_fresh_store_durably() {
    explore(Start::Fresh, true);
}

#[test]
fn from_a_fresh_store_relaxed() {
    explore(Start::Fresh, false);
}

#[test]
fn from_a_used_store_durably() {
    explore(Start::Used, true);
}

#[test]
fn from_a_used_store_relaxed() {
    explore(Start::Used, false);
}
