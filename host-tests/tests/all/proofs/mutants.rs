//! The proofs prove something: a store with any one of these defects does not pass them.

use std::sync::Arc;

use host_tests::host::component_path;
use host_tests::sim::client::Host;
use host_tests::sim::explore::Explorer;
use host_tests::sim::interleave;
use host_tests::sim::machine::Subject;
use host_tests::sim::script::Start;

/// The same list that the build with mutants has.
const ALL: [&str; 25] = include!("../../../../core/src/mutants.list");

#[test]
fn every_mutant_is_caught() {
    let bytes = std::fs::read(component_path().with_file_name("session_store_mutants.wasm")).unwrap();
    let subject = Arc::new(Subject::new(&bytes));
    assert_eq!(caught(&Host::new(&subject, true)), None, "the build with mutants has a defect when none is chosen");
    let table: Vec<_> = ALL.iter().map(|name| (name, caught(&Host::new(&subject, true).with_mutant(name)))).collect();
    for (name, by) in &table {
        println!("{name:32} {}", by.as_deref().unwrap_or("NOT CAUGHT"));
    }
    assert!(table.iter().all(|(_, by)| by.is_some()));
}

/// What notices the defect: sequences of one operation first, then of two; then interleavings.
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
