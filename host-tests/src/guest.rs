//! Components that only tests need: built by cargo when they are first asked for.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

const TARGET: &str = "wasm32-wasip2";

/// A component that uses up whatever it is given; the path of a request says what. See `guests/adversary`.
pub fn adversary() -> &'static Path {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| build("adversary"))
}

/// A command that counts in a session. See `guests/counter`.
pub fn counter() -> &'static Path {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| build("counter"))
}

/// A store with a defect, or without. See `guests/broken-store`.
pub fn broken_store() -> &'static Path {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| build("broken-store"))
}

fn build(package: &str) -> PathBuf {
    let test = env::current_exe().unwrap();
    // Where the components of the command are built, too.
    let guests = test.ancestors().nth(3).expect("tests are in target/PROFILE/deps").join("guests");
    // A test that somebody else than cargo runs takes what is there.
    if let Some(cargo) = env::var_os("CARGO") {
        let mut cargo = Command::new(cargo);
        cargo.current_dir(env!("CARGO_MANIFEST_DIR")).args(["build", "--quiet", "--locked", "--release"]);
        cargo.args(["--target", TARGET, "--package", package, "--target-dir"]).arg(&guests);
        // What is meant for the host.
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
