//! The command `session3` and the example `embed`, as built by cargo.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The packages that `scripts/test` tests together, and the example, which adds no features. Another set would change
/// the features of shared dependencies, and recompile them.
const PACKAGES: [&str; 4] = ["session-runtime", "session-conformance", "host-tests", "embed"];

/// The starts of the variables in which cargo tells a test of its package.
const OF_PACKAGES: [&str; 5] = ["CARGO_BIN_EXE_", "CARGO_CRATE_", "CARGO_MANIFEST_", "CARGO_PKG_", "OUT_DIR"];

/// Returns a `session3` command with these arguments and the default logging. Its cache is that of all tests.
pub fn session3<'a>(arguments: impl IntoIterator<Item = &'a str>) -> Command {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    let path = PATH.get_or_init(|| build("session3"));
    let mut command = Command::new(path);
    command.args(arguments).env_remove("RUST_LOG").env("XDG_CACHE_HOME", path.with_file_name("caches"));
    command
}

/// Returns a command for the program in `examples/embed` with these arguments.
pub fn embed(arguments: &[&Path]) -> Command {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    let mut command = Command::new(PATH.get_or_init(|| build("embed")));
    command.args(arguments);
    command
}

/// Cargo builds and names commands only for the tests of their own package. So cargo runs once more with the same
/// options: a no-op unless the command is missing or outdated.
fn build(name: &str) -> PathBuf {
    let test = env::current_exe().unwrap();
    let directory = test.parent().and_then(Path::parent).expect("tests are in target/PROFILE/deps");
    let profile = match directory.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => "dev",
        Some(name) => name,
    };
    // A test that is not run by cargo uses the existing binary.
    if let Some(cargo) = env::var_os("CARGO") {
        let mut cargo = Command::new(cargo);
        // Some build scripts, such as that of `ring`, run again when what cargo says of a package has changed, and then all
        // that depends on it is compiled again.
        for (variable, _) in env::vars_os() {
            let name = variable.to_string_lossy();
            if OF_PACKAGES.iter().any(|start| name.starts_with(start)) {
                cargo.env_remove(variable);
            }
        }
        cargo.current_dir(env!("CARGO_MANIFEST_DIR")).args(["build", "--quiet", "--locked", "--profile", profile]);
        cargo.args(["--bin", name, "--tests"]).args(PACKAGES.map(|package| format!("--package={package}")));
        let status = cargo.status().unwrap();
        assert!(status.success(), "{name} could not be built: {cargo:?}: {status}");
    }
    let path = directory.join(name);
    assert!(path.is_file(), "{} is missing: build it with `cargo build --release --bin {name}`", path.display());
    path
}
