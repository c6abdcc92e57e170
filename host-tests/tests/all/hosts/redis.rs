//! The component that connects to Redis itself, on unmodified hosts.

use std::fs;
use std::path::Path;
use std::process::Command;

use host_tests::compatibility::Host;
use host_tests::host::component_path;
use host_tests::redis::Redis;
use host_tests::stock::Application;
use session_conformance::{BackEnd, Component};

use super::increments::{self, KEPT};

/// Eight processes of `wasmtime serve`, as on eight machines, lose no increment of a session.
#[test]
#[ignore = "needs wasmtime: scripts/test --hosts"]
fn wasmtime_serves_with_sessions_on_redis() {
    let redis = Redis::new();
    let demo = Application::compose_on_redis(&component_path().with_file_name("web_demo.wasm"));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(increments::by_servers(|_| demo.serve_on_redis(&redis.url())));
    let component = Component::new(&fs::read(component_path().with_file_name("redis_store.wasm")).unwrap()).unwrap();
    let environment = [("SESSION3_STORE", &*redis.url())];
    let report = session_conformance::run(|| BackEnd::on_network(&component, &environment).with_leases()).unwrap();
    let (store, manager) = report.kept();
    Host {
        host: "`wasmtime serve` with `redis-store`: sessions on Redis",
        version: &super::wasmtime::version(),
        store: &format!("{store} promises"),
        manager: &format!("{manager} promises"),
        locks: "servers",
        processes: KEPT,
    }
    .record("wasmtime-redis");
}

#[test]
#[ignore = "needs Node.js: scripts/test --hosts"]
fn node_keeps_sessions_on_redis() {
    let redis = Redis::new();
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../bindings/node");
    let mut command = Command::new("node");
    command.args(["--test", "test/redis/redis.test.js"]).env("SESSION3_STORE", redis.url()).current_dir(example);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}
