//! The ready-made components: their imports, what is shipped with them, and that the store in them conforms to the
//! contract.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use host_tests::bundles::{self, VERSION};
use host_tests::command::session3;
use host_tests::host::component_path;
use session_conformance::{BackEnd, Component};
use wit_component::{DecodedWasm, decode};
use wit_parser::{Resolve, WorldId};

const FILES: [&str; 5] = [
    "redis-store-standalone",
    "session-store",
    "session-store-standalone",
    "spin-redis-store-standalone",
    "web-demo-standalone",
];

fn world(bytes: &[u8]) -> (Resolve, WorldId) {
    match decode(bytes).unwrap() {
        DecodedWasm::Component(resolve, world) => (resolve, world),
        DecodedWasm::WitPackage(..) => panic!("not a component"),
    }
}

fn imports((resolve, world): &(Resolve, WorldId)) -> BTreeSet<String> {
    resolve.worlds[*world].imports.keys().map(|key| resolve.name_world_key(key)).collect()
}

fn exports((resolve, world): &(Resolve, WorldId)) -> BTreeSet<String> {
    resolve.worlds[*world].exports.keys().map(|key| resolve.name_world_key(key)).collect()
}

fn names<const N: usize>(names: [&str; N]) -> BTreeSet<String> {
    names.map(str::to_owned).into()
}

#[test]
fn the_standalone_store_needs_nothing_but_wasi() {
    let standalone = world(&fs::read(bundles::session_store_standalone()).unwrap());
    let wasi = names([
        "wasi:clocks/monotonic-clock@0.2.12",
        "wasi:clocks/wall-clock@0.2.12",
        "wasi:filesystem/preopens@0.2.12",
        "wasi:filesystem/types@0.2.12",
        "wasi:io/poll@0.2.12",
        "wasi:random/random@0.2.12",
    ]);
    assert_eq!(imports(&standalone), wasi);
    let ours = names(["session3:sessions/session-manager@0.2.0", "session3:sessions/session-store@0.2.0"]);
    assert_eq!(exports(&standalone), ours);
}

#[test]
fn the_standalone_demo_needs_nothing_but_wasi() {
    let demo = world(&fs::read(bundles::web_demo_standalone()).unwrap());
    for import in imports(&demo) {
        assert!(import.starts_with("wasi:") && import.ends_with("@0.2.12"), "{import}");
    }
    assert_eq!(exports(&demo), names(["wasi:http/incoming-handler@0.2.12"]));
}

#[test]
fn the_store_alone_is_the_component_as_it_was_built() {
    assert_eq!(fs::read(bundles::bundle("session-store")).unwrap(), fs::read(component_path()).unwrap());
}

/// All promises, with file locks.
#[test]
fn the_standalone_store_conforms() {
    let component = Component::new(&fs::read(bundles::session_store_standalone()).unwrap()).unwrap();
    let report = session_conformance::run(|| BackEnd::new(&component).with_leases()).unwrap();
    println!("{report}");
}

#[test]
fn every_component_comes_with_its_wit() {
    for name in FILES {
        let path = bundles::bundle(name);
        let component = world(&fs::read(&path).unwrap());
        let mut resolve = Resolve::default();
        let package =
            resolve.push_str(path.with_extension("wit"), &fs::read_to_string(path.with_extension("wit")).unwrap());
        let world = resolve.select_world(&[package.unwrap()], None).unwrap();
        let described = (resolve, world);
        assert_eq!((imports(&described), exports(&described)), (imports(&component), exports(&component)), "{name}");
    }
}

/// As published, and as `wasm-tools component wit` shows it.
#[test]
fn the_contract_is_a_wit_package_with_its_documentation() {
    let bytes = fs::read(bundles::bundle("session3-sessions")).unwrap();
    let DecodedWasm::WitPackage(packaged, package) = decode(&bytes).unwrap() else { panic!("not a WIT package") };
    assert_eq!(packaged.packages[package].name.to_string(), "session3:sessions@0.2.0");
    let mut source = Resolve::default();
    source.push_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../wit")).unwrap();
    assert_eq!(documented(&packaged), documented(&source));
    assert!(documented(&packaged).len() > 100);
}

/// Every interface, function and world with its documentation.
fn documented(resolve: &Resolve) -> BTreeSet<(String, Option<String>)> {
    let mut found = BTreeSet::new();
    for (_, interface) in &resolve.interfaces {
        let name = interface.name.clone().unwrap();
        for (function, it) in &interface.functions {
            found.insert((format!("{name}: {function}"), it.docs.contents.clone()));
        }
        found.insert((name, interface.docs.contents.clone()));
    }
    found.extend(resolve.worlds.iter().map(|(_, world)| (world.name.clone(), world.docs.contents.clone())));
    found
}

#[test]
fn the_files_have_the_version_in_their_names_and_are_the_same_each_time() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let said = bundles::write(one.path());
    bundles::write(&two.path().join("made/if/missing"));
    let files = named_files(one.path());
    assert_eq!(said.lines().count(), files.len());
    let expected = FILES.iter().flat_map(|name| ["wasm", "wit"].map(|kind| format!("{name}-{VERSION}.{kind}")));
    assert_eq!(files, expected.chain([format!("session3-sessions-{VERSION}.wasm")]).collect());
    for file in files {
        let [one, two] = [one.path(), &two.path().join("made/if/missing")].map(|path| path.join(&file));
        assert_eq!(fs::read(&one).unwrap(), fs::read(&two).unwrap(), "{file}");
        assert_eq!(
            fs::metadata(&one).unwrap().permissions().mode() & 0o444,
            0o444,
            "{file}: components are world-readable"
        );
    }
}

fn named_files(directory: &Path) -> BTreeSet<String> {
    fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// Build paths would leak the machine's layout and make builds irreproducible.
#[test]
fn no_component_names_the_machine_that_built_it() {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let home = std::env::var("HOME").unwrap();
    for name in FILES {
        let bytes = fs::read(bundles::bundle(name)).unwrap();
        for path in [workspace.to_str().unwrap(), &format!("{home}/")] {
            let found = bytes.windows(path.len()).any(|window| window == path.as_bytes());
            assert!(!found, "{name} contains {path}");
        }
    }
}

#[test]
fn what_cannot_be_composed_says_why() {
    let directory = tempfile::tempdir().unwrap();
    let text = directory.path().join("text.wasm");
    fs::write(&text, "no component").unwrap();
    let whole = bundles::web_demo_standalone();
    let missing = directory.path().join("missing.wasm");
    let demo = component_path().with_file_name("web_demo.wasm");
    let output = directory.path().join("out.wasm");
    for (application, output, why) in [
        (&missing, output.clone(), "cannot read"),
        (&text, output.clone(), "not a component"),
        (&whole, output.clone(), "nothing to compose"),
        (&demo, directory.path().join("no/such/directory.wasm"), "cannot write"),
    ] {
        let ended = session3(["compose"]).arg(application).arg("-o").arg(&output).output().unwrap();
        let said = String::from_utf8(ended.stderr).unwrap();
        assert_eq!(ended.status.code(), Some(1), "{said}");
        assert!(said.contains(why), "{said}");
        assert!(!output.exists());
    }
}
