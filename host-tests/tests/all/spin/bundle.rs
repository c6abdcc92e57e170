//! The component that the manifest names as the dependency.

use std::fs;

use host_tests::host::component_path;
use wac_graph::types::Package;
use wac_graph::{CompositionGraph, EncodeOptions, plug};

/// Its name in the manifest.
pub const FILE: &str = "session-store-standalone-0.1.0.wasm";

/// What it is made of, for the table of hosts.
pub const PARTS: &str = "session_store + drop_events";

/// A stand-in: the store with nobody to hear its events. It imports locks, which the host of the test provides.
pub fn bytes() -> Vec<u8> {
    let mut graph = CompositionGraph::new();
    let [store, drop_events] = ["session_store", "drop_events"].map(|name| {
        let package = Package::from_bytes(name, None, built(&format!("{name}.wasm")), graph.types_mut()).unwrap();
        graph.register_package(package).unwrap()
    });
    plug(&mut graph, vec![drop_events], store).unwrap();
    graph.encode(EncodeOptions::default()).unwrap()
}

/// A component as the build leaves it.
pub fn built(file: &str) -> Vec<u8> {
    fs::read(component_path().with_file_name(file)).unwrap()
}
