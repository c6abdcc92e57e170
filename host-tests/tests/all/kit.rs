//! Back ends of others conform to the contract, as far as it is about what they have.

use std::fs;
use std::path::Path;

use host_tests::back_end::{BackEnd, Component};
use host_tests::conformance;
use host_tests::host::component_path;

fn component(file: &str) -> Vec<u8> {
    let path = component_path().with_file_name(file);
    fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", Path::new(&path).display()))
}

#[test]
fn a_store_in_memory_conforms() {
    let component = Component::new(&component("memory_store.wasm")).unwrap();
    let report = conformance::run(|| BackEnd::in_one_instance(&component)).unwrap();
    println!("{report}");
}
