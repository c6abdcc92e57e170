//! The component that connects to Redis itself, on unmodified hosts.

use std::path::Path;
use std::process::Command;

use host_tests::host::component_path;
use host_tests::redis::Redis;
use host_tests::stock::Application;

use super::increments;

/// Eight processes of `wasmtime serve`, as on eight machines, lose no increment of a session.
#[tokio::test]
#[ignore = "needs wasmtime: scripts/test --hosts"]
async fn wasmtime_serves_with_sessions_on_redis() {
    let redis = Redis::new();
    let demo = Application::compose_on_redis(&component_path().with_file_name("web_demo.wasm"));
    increments::by_servers(|_| demo.serve_on_redis(&redis.url())).await;
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
