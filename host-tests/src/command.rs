//! The command `session3` and the example `embed`, as built by cargo.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The packages that `scripts/test` tests together, and the example, which adds no features. Another set would change
/// the features of shared dependencies, and recompile them.
const PACKAGES: [&str; 4] = ["session-runtime", "session-conformance", "host-tests", "embed"];

/// Returns a `session3` command with these arguments and the default logging.
pub fn session3<'a>(arguments: impl IntoIterator<Item = &'a str>) -> Command {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    let mut command = Command::new(PATH.get_or_init(|| build("session3")));
    command.args(arguments).env_remove("RUST_LOG");
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
        cargo.current_dir(env!("CARGO_MANIFEST_DIR")).args(["build", "--quiet", "--locked", "--profile", profile]);
        cargo.args(["--bin", name, "--tests"]).args(PACKAGES.map(|package| format!("--package={package}")));
        let status = cargo.status().unwrap();
        assert!(status.success(), "{name} could not be built: {cargo:?}: {status}");
    }
    let path = directory.join(name);
    assert!(path.is_file(), "{} is missing: build it with `cargo build --release --bin {name}`", path.display());
    path
}
