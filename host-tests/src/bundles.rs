//! The ready-made components, as `session3 bundle` writes them.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::command::session3;
use crate::host::component_path;

/// The version in the file names.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The store for hosts with plain WASI.
pub fn session_store_standalone() -> PathBuf {
    bundle("session-store-standalone")
}

/// The demo for hosts with plain WASI.
pub fn web_demo_standalone() -> PathBuf {
    bundle("web-demo-standalone")
}

/// A file of the bundle in `target/components`, which is rewritten once per process.
pub fn bundle(name: &str) -> PathBuf {
    static DIRECTORY: OnceLock<PathBuf> = OnceLock::new();
    let directory = DIRECTORY.get_or_init(|| {
        let directory = component_path().parent().expect("the component is in a directory").to_owned();
        write(&directory);
        directory
    });
    directory.join(format!("{name}-{VERSION}.wasm"))
}

/// Writes the bundle into a directory.
pub fn write(directory: &Path) -> String {
    printed(session3(["bundle", "--output"]).arg(directory))
}

/// Composes an application with the store and the manager, for hosts with plain WASI.
pub fn compose(application: &Path, output: &Path) {
    printed(session3(["compose"]).arg(application).arg("--output").arg(output));
}

/// Composes an application with the store that connects to Redis, for hosts with plain WASI.
pub fn compose_on_redis(application: &Path, output: &Path) {
    printed(session3(["compose", "--sessions", "redis"]).arg(application).arg("--output").arg(output));
}

fn printed(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}
