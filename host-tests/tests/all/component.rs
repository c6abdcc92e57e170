//! The component as it is shipped: what it asks of a host, what it gives, how large it is (guarantee I10).

use std::fs;

use host_tests::host::component_path;
use wit_component::{DecodedWasm, decode};
use wit_parser::{Resolve, WorldId, WorldItem, WorldKey};

/// Largest size in bytes.
const LIMIT: usize = 128 << 10;

fn bytes() -> Vec<u8> {
    fs::read(component_path()).unwrap()
}

fn decoded() -> (Resolve, WorldId) {
    match decode(&bytes()).unwrap() {
        DecodedWasm::Component(resolve, world) => (resolve, world),
        DecodedWasm::WitPackage(..) => panic!("not a component"),
    }
}

fn names<'a>(resolve: &Resolve, items: impl Iterator<Item = (&'a WorldKey, &'a WorldItem)>) -> Vec<String> {
    let mut names: Vec<_> = items.map(|(key, _)| resolve.name_world_key(key)).collect();
    names.sort_unstable();
    names
}

#[test]
fn it_imports_files_a_clock_random_bytes_and_locks() {
    let (resolve, world) = decoded();
    let imports = names(&resolve, resolve.worlds[world].imports.iter());
    assert_eq!(
        imports,
        [
            "session3:sessions/advisory-locks@0.1.0",
            "wasi:clocks/wall-clock@0.2.12",
            "wasi:filesystem/preopens@0.2.12",
            "wasi:filesystem/types@0.2.12",
            "wasi:random/random@0.2.12",
        ]
    );
}

#[test]
fn it_exports_the_store_and_the_manager() {
    let (resolve, world) = decoded();
    let exports = names(&resolve, resolve.worlds[world].exports.iter());
    assert_eq!(exports, ["session3:sessions/session-manager@0.1.0", "session3:sessions/session-store@0.1.0"]);
}

#[test]
fn it_is_small() {
    let size = bytes().len();
    assert!(size <= LIMIT, "{size} bytes are more than {LIMIT}");
}

/// Whoever has only the component can read what it promises.
#[test]
fn its_interfaces_are_documented() {
    let bytes = bytes();
    for sentence in ["Sessions that outlive the instance that wrote them", "The life of a session across requests"] {
        let found = bytes.windows(sentence.len()).any(|window| window == sentence.as_bytes());
        assert!(found, "the component does not carry the text `{sentence}` of its WIT");
    }
}
