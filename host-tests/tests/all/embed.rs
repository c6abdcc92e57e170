//! The example program in the library's documentation, as a process.

use std::fs;
use std::path::Path;
use std::process::Output;

use host_tests::command::{embed, session3};
use host_tests::host::component_path;
use host_tests::server::private_directory;

const SOURCE: &str = include_str!("../../../examples/embed/src/main.rs");

fn run(component: &Path, directory: &Path) -> Output {
    embed(&[component, directory]).output().unwrap()
}

/// Its output, after a successful exit with an empty stderr.
#[track_caller]
fn said(output: Output) -> String {
    let complaints = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success() && complaints.is_empty(), "{}: {complaints}", output.status);
    String::from_utf8(output.stdout).unwrap()
}

/// It exits with 1 and prints only the reason, without a panic.
#[track_caller]
fn refuses(output: Output, why: &str) {
    let complaints = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{complaints}");
    assert!(output.stdout.is_empty());
    assert!(complaints.starts_with(why), "{complaints}");
}

#[test]
fn it_is_short() {
    assert!(SOURCE.lines().count() < 60);
}

/// The session outlives the process, for another program.
#[test]
fn it_creates_loads_and_saves_a_session() {
    let directory = private_directory();
    let said = said(run(&component_path(), directory.path()));
    let (id, rest) = said.strip_prefix("session ").and_then(|rest| rest.split_once(' ')).expect("a session");
    assert_eq!(rest, "has version 2: hello again\n");
    let shown = session3(["show", "--json", "--dir", directory.path().to_str().unwrap(), id]).output().unwrap();
    let shown: serde_json::Value = serde_json::from_slice(&shown.stdout).unwrap();
    assert_eq!((&shown["id"], &shown["version"], &shown["size"]), (&id.into(), &2.into(), &11.into()));
}

#[test]
fn it_runs_twice_on_one_directory() {
    let directory = private_directory();
    let [first, second] = [(), ()].map(|()| said(run(&component_path(), directory.path())));
    assert_ne!(first, second, "each has its own id");
}

#[test]
fn it_says_what_is_missing() {
    let directory = private_directory();
    let missing = directory.path().join("missing");
    refuses(embed(&[]).output().unwrap(), "Error: embed COMPONENT DIRECTORY\n");
    refuses(embed(&[&component_path()]).output().unwrap(), "Error: embed COMPONENT DIRECTORY\n");
    let why = format!("Error: cannot load {}\n", missing.display());
    refuses(run(&missing, directory.path()), &why);
    let why = format!("Error: cannot use {}\n", missing.display());
    refuses(run(&component_path(), &missing), &why);
}

#[test]
fn it_says_what_is_no_store() {
    let directory = private_directory();
    let text = directory.path().join("text");
    fs::write(&text, "hello").unwrap();
    refuses(run(&text, directory.path()), &format!("Error: cannot load {}\n", text.display()));
    let other = component_path().with_file_name("drop_events.wasm");
    refuses(run(&other, directory.path()), "Error: no exported instance named `session3:sessions/session-store@0.2.0`");
}
