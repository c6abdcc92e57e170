//! Node.js, through jco: `bindings/node`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use host_tests::compatibility::Host;
use serde_json::Value;
use session_conformance::Report;
use session_conformance::remote::RemoteHost;

#[test]
#[ignore = "needs Node.js: scripts/test --hosts"]
fn the_component_conforms_in_node() {
    let mut transpile = Command::new("npm");
    let status = transpile.args(["run", "--silent", "transpile"]).current_dir(example()).status().unwrap();
    assert!(status.success(), "{}", "is it installed? run bindings/node/run-tests");
    let mut command = Command::new("node");
    command.arg("test/conformance/main.js").current_dir(example());
    let host = RemoteHost::start(command);
    let report = session_conformance::run(|| host.place()).unwrap();
    println!("{report}");
    record(&report);
}

fn example() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../bindings/node")
}

fn record(report: &Report) {
    let (store, manager) = report.kept();
    Host {
        host: "Node.js",
        version: &format!("jco {}", locked_version("@bytecodealliance/jco")),
        store: &format!("{store} promises"),
        manager: &format!("{manager} promises"),
        locks: "threads of a process",
        processes: "800 of 800, by 4 threads",
    }
    .record("node");
}

fn locked_version(package: &str) -> String {
    let lock: Value = serde_json::from_slice(&fs::read(example().join("package-lock.json")).unwrap()).unwrap();
    lock["packages"][format!("node_modules/{package}")]["version"].as_str().expect("a locked version").into()
}
