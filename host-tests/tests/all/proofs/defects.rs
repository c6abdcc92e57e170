//! The proofs are effective: a store with any one of these defects fails them.

use std::sync::Arc;

use host_tests::host::component_path;
use host_tests::sim::client::Host;
use host_tests::sim::defect::{self, Defect};
use host_tests::sim::explore::Explorer;
use host_tests::sim::interleave;
use host_tests::sim::machine::Subject;
use host_tests::sim::script::Start;

use super::product;

#[test]
fn every_defect_is_caught() {
    let bytes = std::fs::read(component_path().with_file_name("session_store_planted.wasm")).unwrap();
    let with_defects = Host::new(&Arc::new(Subject::new(&bytes)), true);
    assert_eq!(caught(&with_defects), None, "the planted build fails with no defect chosen");
    let mut table = Vec::new();
    for (name, defect) in defect::all() {
        let host = if let Defect::Planted(_) = defect { with_defects.clone() } else { product(true) };
        let by = caught(&host.with_defect(defect));
        println!("{name:32} {}", by.as_deref().unwrap_or("NOT CAUGHT"));
        table.push(by.is_some());
    }
    assert!(table.len() >= 25 && table.iter().all(|caught| *caught));
}

/// The check that catches it: sequences of one operation first, then of two; then interleavings.
fn caught(host: &Host) -> Option<String> {
    for length in 1..=2 {
        for (start, durable) in [(Start::Used, true), (Start::Used, false), (Start::Fresh, true)] {
            if let Err(violation) = Explorer::new(&host.with_durability(durable), start).sequences(length) {
                return Some(violation.script.to_string());
            }
        }
    }
    interleave::explore(host, Start::Used).err().map(|what| what.split(':').next().unwrap_or_default().to_owned())
}
