//! The component that the manifest names as the dependency.

use std::fs;

use host_tests::bundles;
use host_tests::host::component_path;

/// Its name in the manifest.
pub const FILE: &str = "session-store-standalone-0.2.0.wasm";

/// Its bytes, from `cargo bundle`.
pub fn bytes() -> Vec<u8> {
    fs::read(bundles::session_store_standalone()).unwrap()
}

/// A component as built.
pub fn built(file: &str) -> Vec<u8> {
    fs::read(component_path().with_file_name(file)).unwrap()
}
