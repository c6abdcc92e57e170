//! Sessions on a server: the whole contract, and what the command does with them.

mod application;
mod costs;
mod files;
mod memory;
mod postgres;
mod redis;
mod redis_guest;

use std::fs;
use std::process::Output;

use host_tests::command::session3;
use host_tests::host::component_path;
use session_conformance::{BackEnd, Component, Report};
use session_runtime::engines::SharedEngine;

/// The component on the host's store, on this engine.
fn back_end(engine: &SharedEngine) -> BackEnd {
    BackEnd::on_engine(&component(), engine)
}

fn component() -> Component {
    Component::new(&fs::read(component_path().with_file_name("host_store.wasm")).unwrap()).unwrap()
}

/// Tests the whole contract, which must be kept.
pub fn conforms(engine: &SharedEngine) -> Report {
    let component = component();
    session_conformance::run(|| BackEnd::on_engine(&component, engine)).unwrap()
}

fn run<'a>(arguments: impl IntoIterator<Item = &'a str>) -> Output {
    session3(arguments).env_remove("SESSION3_STORE_PASSWORD").output().unwrap()
}

fn stdout(output: &Output) -> &str {
    assert!(output.status.success(), "{output:?}");
    std::str::from_utf8(&output.stdout).unwrap()
}
