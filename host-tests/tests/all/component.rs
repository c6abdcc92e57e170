//! The component as shipped: its imports, exports and size (guarantee I10).

use std::fs;

use host_tests::host::component_path;
use wac_graph::types::Package;
use wac_graph::{CompositionGraph, EncodeOptions, plug};
use wit_component::{DecodedWasm, decode};
use wit_parser::{Resolve, Type, TypeDefKind, WorldId, WorldItem, WorldKey};

/// Maximum size in bytes. The contract has some ninety functions; their generated bindings are a third of the
/// component.
const LIMIT: usize = 384 << 10;

fn bytes() -> Vec<u8> {
    fs::read(component_path()).unwrap()
}

fn decoded() -> (Resolve, WorldId) {
    decode_component(&bytes())
}

fn decode_component(bytes: &[u8]) -> (Resolve, WorldId) {
    match decode(bytes).unwrap() {
        DecodedWasm::Component(resolve, world) => (resolve, world),
        DecodedWasm::WitPackage(..) => panic!("not a component"),
    }
}

fn imports((resolve, world): &(Resolve, WorldId)) -> Vec<String> {
    names(resolve, resolve.worlds[*world].imports.iter())
}

fn names<'a>(resolve: &Resolve, items: impl Iterator<Item = (&'a WorldKey, &'a WorldItem)>) -> Vec<String> {
    let mut names: Vec<_> = items.map(|(key, _)| resolve.name_world_key(key)).collect();
    names.sort_unstable();
    names
}

#[test]
fn it_imports_files_a_clock_random_bytes_locks_and_events() {
    let imports = imports(&decoded());
    assert_eq!(imports, [&OURS[..], &["session3:sessions/session-events@0.2.0"], &WASI].concat());
}

const OURS: [&str; 1] = ["session3:sessions/advisory-locks@0.2.0"];
const WASI: [&str; 4] = [
    "wasi:clocks/wall-clock@0.2.12",
    "wasi:filesystem/preopens@0.2.12",
    "wasi:filesystem/types@0.2.12",
    "wasi:random/random@0.2.12",
];

/// For hosts without custom interfaces.
#[test]
fn with_drop_events_it_imports_no_events() {
    let mut graph = CompositionGraph::new();
    let mut register = |name: &str, file: &str| {
        let bytes = fs::read(component_path().with_file_name(file)).unwrap();
        let package = Package::from_bytes(name, None, bytes, graph.types_mut()).unwrap();
        graph.register_package(package).unwrap()
    };
    let (store, drop_events) = (register("store", "session_store.wasm"), register("drop-events", "drop_events.wasm"));
    plug(&mut graph, vec![drop_events], store).unwrap();
    let composed = decode_component(&graph.encode(EncodeOptions::default()).unwrap());
    assert_eq!(imports(&composed), [&OURS[..], &WASI].concat());
    let (resolve, world) = &composed;
    let exports = names(resolve, resolve.worlds[*world].exports.iter());
    assert_eq!(exports, ["session3:sessions/session-manager@0.2.0", "session3:sessions/session-store@0.2.0"]);
}

#[test]
fn it_exports_the_store_and_the_manager() {
    let (resolve, world) = decoded();
    let exports = names(&resolve, resolve.worlds[world].exports.iter());
    assert_eq!(exports, ["session3:sessions/session-manager@0.2.0", "session3:sessions/session-store@0.2.0"]);
}

#[test]
fn it_is_small() {
    let size = bytes().len();
    assert!(size <= LIMIT, "{size} bytes are more than {LIMIT}");
}

/// The component embeds the whole contract: `wasm-tools component wit` shows it.
#[test]
fn its_interfaces_are_those_of_the_contract() {
    let (component, _) = decoded();
    let contract = contract();
    for name in ["session-store", "session-manager", "advisory-locks"] {
        let functions = |resolve: &Resolve| {
            let (_, interface) = resolve.interfaces.iter().find(|(_, it)| it.name.as_deref() == Some(name)).unwrap();
            interface.functions.keys().cloned().collect::<std::collections::BTreeSet<_>>()
        };
        let (built, promised) = (functions(&component), functions(&contract));
        if name == "advisory-locks" {
            assert!(built.is_subset(&promised), "{built:?}");
        } else {
            assert_eq!(built, promised, "{name}");
        }
    }
}

#[test]
fn everything_in_the_contract_is_documented() {
    let contract = contract();
    for (_, interface) in &contract.interfaces {
        let name = interface.name.as_deref().unwrap();
        assert!(interface.docs.contents.is_some(), "interface {name}");
        for (function, it) in &interface.functions {
            assert!(it.docs.contents.is_some(), "{name}: {function}");
        }
        for (type_name, id) in &interface.types {
            let it = &contract.types[*id];
            let is_used_from_elsewhere = matches!(it.kind, TypeDefKind::Type(Type::Id(_)));
            assert!(is_used_from_elsewhere || it.docs.contents.is_some(), "{name}: {type_name}");
        }
    }
}

fn contract() -> Resolve {
    let mut resolve = Resolve::default();
    resolve.push_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../wit")).unwrap();
    resolve
}
