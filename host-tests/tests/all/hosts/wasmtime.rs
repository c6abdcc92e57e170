//! Unmodified Wasmtime, with the components that need nothing but WASI.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use host_tests::bundles;
use host_tests::compatibility::Host;
use host_tests::guest;
use host_tests::server::private_directory;
use host_tests::stock::{Application, wasmtime};
use session_conformance::{BackEnd, Component};
use tempfile::TempDir;

use super::increments::{self, EACH, KEPT, PROCESSES};

#[test]
#[ignore = "needs wasmtime: scripts/test --hosts"]
fn the_ready_made_components_run() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let demo = Application::of(&bundles::web_demo_standalone());
    runtime.block_on(increments::by_servers(|directory| demo.serve(directory)));
    increments_by_commands();
    let component = Component::new(&fs::read(bundles::session_store_standalone()).unwrap()).unwrap();
    let report = session_conformance::run(|| BackEnd::new(&component).with_leases()).unwrap();
    println!("{report}");
    let (store, manager) = report.kept();
    Host {
        host: "`wasmtime serve`, `wasmtime run`",
        version: &version(),
        store: &format!("{store} promises"),
        manager: &format!("{manager} promises"),
        locks: "processes, by lock files",
        processes: KEPT,
    }
    .record("wasmtime");
}

pub fn version() -> String {
    let output = wasmtime().arg("--version").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.trim().replace("wasmtime", "Wasmtime")
}

fn increments_by_commands() {
    let directory = private_directory();
    let counter = Counter::compose();
    let cookie = counter.ended(directory.path(), &["new"]);
    let commands: Vec<_> =
        (0..PROCESSES).map(|_| counter.start(directory.path(), &[&cookie, &EACH.to_string()])).collect();
    for command in commands {
        let count: usize = printed(command).parse().unwrap();
        assert!((EACH..=800).contains(&count), "{count}");
    }
    assert_eq!(counter.ended(directory.path(), &[&cookie, "1"]), "801");
}

/// `wasmtime run` of the command in `guests/counter`.
struct Counter {
    component: PathBuf,
    _files: TempDir,
}

impl Counter {
    fn compose() -> Self {
        let files = tempfile::tempdir().unwrap();
        let component = files.path().join("counter.wasm");
        bundles::compose(guest::counter(), &component);
        Self { component, _files: files }
    }

    fn start(&self, directory: &Path, arguments: &[&str]) -> Child {
        let mut command = wasmtime();
        command.args(["run", "--dir"]).arg(format!("{}::/", directory.display())).arg(&self.component).args(arguments);
        spawn(&mut command)
    }

    fn ended(&self, directory: &Path, arguments: &[&str]) -> String {
        printed(self.start(directory, arguments))
    }
}

fn spawn(command: &mut Command) -> Child {
    command.stdout(Stdio::piped()).spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

/// Its output, after a successful exit.
fn printed(command: Child) -> String {
    let output = command.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}
