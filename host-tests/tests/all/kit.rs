//! Other back ends conform to the contract as far as they support it, and the manager conforms on any of them.

use std::fs;

use host_tests::host::component_path;
use session_conformance::compose::with_manager;
use session_conformance::{BackEnd, Component};

fn built(file: &str) -> Vec<u8> {
    fs::read(component_path().with_file_name(file)).unwrap()
}

#[test]
fn a_store_in_memory_conforms() {
    let component = Component::new(&built("memory_store.wasm")).unwrap();
    let report = session_conformance::run(|| BackEnd::in_one_instance(&component)).unwrap();
    println!("{report}");
}

#[test]
fn the_manager_conforms_on_a_store_in_memory() {
    let composed = with_manager(&built("memory_store.wasm"), &built("session_manager.wasm")).unwrap();
    let component = Component::new(&composed).unwrap();
    let report = session_conformance::run(|| BackEnd::in_one_instance(&component)).unwrap();
    println!("{report}");
}

#[test]
fn the_manager_conforms_on_the_imported_store_of_files() {
    let composed = with_manager(&built("session_store.wasm"), &built("session_manager.wasm")).unwrap();
    let component = Component::new(&composed).unwrap();
    let report = session_conformance::run(|| BackEnd::new(&component)).unwrap();
    println!("{report}");
}
