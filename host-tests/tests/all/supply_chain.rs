//! The workspace's dependencies. `cargo deny` checks more; this needs no other program and no network.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use serde_json::Value;

/// Releases before this let a component escape its sandbox (RUSTSEC-2026-0269).
const SAFE_WASMTIME: [u64; 3] = [48, 0, 8];

/// The packages of this repository.
const OURS: [&str; 29] = [
    "adversary",
    "blocking-redis",
    "broken-store",
    "counter",
    "counter-rust",
    "drop-events",
    "embed",
    "engine-store",
    "guest-build",
    "guest-exports",
    "guest-platform",
    "host-store",
    "host-tests",
    "imported-store",
    "lock-files",
    "memory-store",
    "pages",
    "redis-store",
    "session-conformance",
    "session-core",
    "session-fuzz",
    "session-manager",
    "session-postgres",
    "session-properties",
    "session-redis",
    "session-runtime",
    "session-store",
    "spin-redis-store",
    "web-demo",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// A field of each package in a lock file: name and value, empty if absent.
fn locked(lock: &str, field: &str) -> Vec<(String, String)> {
    let value = |package: &str, field: &str| {
        let line = package.lines().find_map(|line| line.strip_prefix(&format!("{field} = \"")));
        line.map_or(String::new(), |line| line.trim_end_matches('"').to_string())
    };
    let packages = lock.split("[[package]]").skip(1);
    packages.map(|package| (value(package, "name"), value(package, field))).collect()
}

#[test]
fn wasmtime_is_one_whose_sandbox_holds() {
    let lock = fs::read_to_string(root().join("Cargo.lock")).unwrap();
    for name in ["wasmtime", "wasmtime-wasi", "wasmtime-wasi-http"] {
        let versions: Vec<_> = locked(&lock, "version").into_iter().filter(|(each, _)| each == name).collect();
        assert!(!versions.is_empty(), "{name}");
        for (_, version) in versions {
            let numbers: Vec<u64> = version.split('.').map(|number| number.parse().expect("a release")).collect();
            assert!(numbers[..] >= SAFE_WASMTIME[..], "{name} {version}");
        }
    }
}

#[test]
fn everything_comes_from_the_registry_with_a_checksum() {
    for file in ["Cargo.lock", "fuzz/Cargo.lock"] {
        let lock = fs::read_to_string(root().join(file)).unwrap();
        let checksums = locked(&lock, "checksum");
        for ((name, source), (_, checksum)) in locked(&lock, "source").into_iter().zip(checksums) {
            let ours = OURS.contains(&&name[..]);
            let expected = if ours { "" } else { "registry+https://github.com/rust-lang/crates.io-index" };
            assert_eq!(source, expected, "{name} in {file}");
            assert_eq!(checksum.len(), if ours { 0 } else { 64 }, "{name} in {file}");
        }
    }
}

#[test]
fn every_licence_is_one_that_deny_toml_allows() {
    let allowed = allowed();
    assert!(allowed.contains("Apache-2.0"));
    for package in metadata()["packages"].as_array().unwrap() {
        let licence = package["license"].as_str().unwrap_or_default();
        assert!(is_allowed(licence, &allowed), "{}: {licence:?}", package["name"]);
    }
}

fn allowed() -> BTreeSet<String> {
    let policy = fs::read_to_string(root().join("deny.toml")).unwrap();
    let (_, list) = policy.split_once("\nallow = [").expect("a list of licences");
    let (list, _) = list.split_once(']').expect("its end");
    list.split('"').skip(1).step_by(2).map(String::from).collect()
}

/// For all packages built on this machine, for itself and for the components.
fn metadata() -> Value {
    let machine = format!("{}-unknown-linux-gnu", env::consts::ARCH);
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["metadata", "--locked", "--format-version=1", "--all-features"]);
    cargo.args(["--filter-platform=wasm32-wasip2", "--filter-platform", &machine]).current_dir(root());
    let output = cargo.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Whether an SPDX expression permits an allowed choice. `/` is an old form of OR.
fn is_allowed(expression: &str, allowed: &BTreeSet<String>) -> bool {
    let any = |part: &str| part.replace('/', " OR ").split(" OR ").any(|licence| allowed.contains(licence.trim()));
    let parenthesised = |part: &str| any(part.trim_start_matches('(').trim_end_matches(')'));
    if expression.contains('(') {
        // Groups of alternatives, one needed of each. Nothing more complex occurs, and it would be refused.
        return expression.split(" AND ").all(parenthesised);
    }
    expression.split(" OR ").any(|part| part.split(" AND ").all(any))
}

#[test]
fn licences_are_read_as_spdx_has_it() {
    let allowed = BTreeSet::from(["MIT".to_string(), "Unicode-3.0".to_string()]);
    for yes in ["MIT", "GPL-3.0 OR MIT", "GPL-3.0/MIT", "(MIT OR Apache-2.0) AND Unicode-3.0", "Unicode-3.0 AND MIT"] {
        assert!(is_allowed(yes, &allowed), "{yes}");
    }
    for no in [
        "",
        "GPL-3.0",
        "MIT AND GPL-3.0",
        "(MIT OR Apache-2.0) AND GPL-3.0",
        "GPL-3.0 AND (MIT OR X)",
        "GPL-3.0 OR AGPL-3.0",
        "MITX",
    ] {
        assert!(!is_allowed(no, &allowed), "{no}");
    }
}
