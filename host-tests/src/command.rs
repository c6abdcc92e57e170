//! The command `session3` and the example `embed`, as cargo builds them.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The packages that are tested together, in `scripts/test`, and the example, which asks for nothing that they do not
/// have. With others, what they share would have other features, and be compiled anew.
const PACKAGES: [&str; 4] = ["session-runtime", "session-conformance", "host-tests", "embed"];

/// A call of `session3` with these arguments, logging as it does by default.
pub fn session3<'a>(arguments: impl IntoIterator<Item = &'a str>) -> Command {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    let mut command = Command::new(PATH.get_or_init(|| build("session3")));
    command.args(arguments).env_remove("RUST_LOG");
    command
}

/// A call of the program in `examples/embed` with these arguments.
pub fn embed(arguments: &[&Path]) -> Command {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    let mut command = Command::new(PATH.get_or_init(|| build("embed")));
    command.args(arguments);
    command
}

/// Cargo names and builds commands for the tests of their own package only. So it is asked once more, with what it has
/// just been asked for: it has nothing to do unless the command is missing or older than its sources.
fn build(name: &str) -> PathBuf {
    let test = env::current_exe().unwrap();
    let directory = test.parent().and_then(Path::parent).expect("tests are in target/PROFILE/deps");
    let profile = match directory.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => "dev",
        Some(name) => name,
    };
    // A test that somebody else than cargo runs takes what is there.
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
