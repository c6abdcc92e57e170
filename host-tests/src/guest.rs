//! Components for tests only, built by cargo on first use.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

const TARGET: &str = "wasm32-wasip2";

/// A component that exhausts a resource, named by the path of the request. See `guests/adversary`.
pub fn adversary() -> &'static Path {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| build("adversary"))
}

/// A command with a counter in a session. See `guests/counter`.
pub fn counter() -> &'static Path {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| build("counter"))
}

/// A page without a session, with one that is read, and with one that is changed. See `guests/pages`.
pub fn pages() -> &'static Path {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| build("pages"))
}

/// A store with or without a defect. See `guests/broken-store`.
pub fn broken_store() -> &'static Path {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| build("broken-store"))
}

fn build(package: &str) -> PathBuf {
    let test = env::current_exe().unwrap();
    // The target directory of the command's components.
    let guests = test.ancestors().nth(3).expect("tests are in target/PROFILE/deps").join("guests");
    // A test that is not run by cargo uses the existing component.
    if let Some(cargo) = env::var_os("CARGO") {
        let mut cargo = Command::new(cargo);
        cargo.current_dir(env!("CARGO_MANIFEST_DIR")).args(["build", "--quiet", "--locked", "--release"]);
        cargo.args(["--target", TARGET, "--package", package, "--target-dir"]).arg(&guests);
        // Flags for the host.
        for variable in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_TARGET"] {
            cargo.env_remove(variable);
        }
        let status = cargo.status().unwrap();
        assert!(status.success(), "{package} could not be built: {cargo:?}: {status}");
    }
    let path = guests.join(TARGET).join("release").join(package.replace('-', "_")).with_extension("wasm");
    assert!(path.is_file(), "{} is missing: run the tests through cargo", path.display());
    path
}
