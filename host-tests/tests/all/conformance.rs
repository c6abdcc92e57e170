//! The file-backed component conforms to the contract.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use host_tests::host::Host;

host_tests::conformance_tests!(Host::new());

#[test]
fn every_function_of_the_suite_is_a_test() {
    let mut written = BTreeSet::new();
    for entry in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/conformance")).unwrap() {
        let path = entry.unwrap().path();
        let part = path.file_stem().unwrap().to_str().unwrap();
        for line in fs::read_to_string(&path).unwrap().lines() {
            if let Some(function) = line.strip_prefix("pub async fn ") {
                let name = function.split('(').next().unwrap();
                written.insert(format!("{part}::{name}"));
            }
        }
    }
    let listed: BTreeSet<String> = LISTED.iter().map(ToString::to_string).collect();
    assert_eq!(written, listed, "list new functions in `conformance_tests!`");
}
