//! Compiles the component once more, with the deliberate defects that the tests must notice, to
//! `target/components/session_store_mutants.wasm`. The one that is shipped is made by the build of `session-runtime`.

use std::env;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

fn main() -> Result<(), Box<dyn Error>> {
    let workspace = Path::new(&env::var("CARGO_MANIFEST_DIR")?).parent().ok_or("no workspace")?.to_owned();
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let target = out.ancestors().find(|dir| dir.join("CACHEDIR.TAG").exists()).ok_or("no target directory")?;
    let mut cargo = Command::new(env::var("CARGO")?);
    cargo.current_dir(&workspace).args(["build", "--release", "--locked", "--target", "wasm32-wasip2"]);
    cargo.args(["-p", "session-store"]).arg("--target-dir").arg(target.join("mutants"));
    for variable in ["CARGO_ENCODED_RUSTFLAGS", "RUSTC_WORKSPACE_WRAPPER", "CARGO_BUILD_TARGET"] {
        cargo.env_remove(variable);
    }
    let status = cargo.env("RUSTFLAGS", "--cfg mutants").stdout(Stdio::null()).status()?;
    if !status.success() {
        return Err(format!("the component with mutants could not be built: {status}").into());
    }
    fs::create_dir_all(target.join("components"))?;
    let built = target.join("mutants/wasm32-wasip2/release/session_store.wasm");
    fs::copy(built, target.join("components/session_store_mutants.wasm"))?;
    for source in ["src", "core/src", "wit", "Cargo.lock"] {
        println!("cargo:rerun-if-changed={}", workspace.join(source).display());
    }
    Ok(())
}
