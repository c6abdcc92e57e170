//! Compiles two components to `target/components/` that only tests need: `session_store_mutants.wasm`, the component once
//! more, with the deliberate defects that the tests must notice; and `memory_store.wasm`, another back end. The
//! components that are shipped are made by the build of `session-runtime`.

use std::env;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

fn main() -> Result<(), Box<dyn Error>> {
    let workspace = Path::new(&env::var("CARGO_MANIFEST_DIR")?).parent().ok_or("no workspace")?.to_owned();
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let target = out.ancestors().find(|dir| dir.join("CACHEDIR.TAG").exists()).ok_or("no target directory")?;
    let components = target.join("components");
    fs::create_dir_all(&components)?;
    let mutants = build(&workspace, "session-store", &target.join("mutants"), "--cfg mutants")?;
    fs::copy(mutants, components.join("session_store_mutants.wasm"))?;
    let memory_store = build(&workspace, "memory-store", &target.join("guests"), "")?;
    fs::copy(memory_store, components.join("memory_store.wasm"))?;
    for source in ["src", "core/src", "components/memory-store", "wit", "Cargo.lock"] {
        println!("cargo:rerun-if-changed={}", workspace.join(source).display());
    }
    Ok(())
}

/// Compile a component with these flags in this directory, and say where it is.
fn build(workspace: &Path, package: &str, target: &Path, flags: &str) -> Result<PathBuf, Box<dyn Error>> {
    let mut cargo = Command::new(env::var("CARGO")?);
    cargo.current_dir(workspace).args(["build", "--release", "--locked", "--target", "wasm32-wasip2"]);
    cargo.args(["-p", package]).arg("--target-dir").arg(target);
    for variable in ["CARGO_ENCODED_RUSTFLAGS", "RUSTC_WORKSPACE_WRAPPER", "CARGO_BUILD_TARGET"] {
        cargo.env_remove(variable);
    }
    let status = cargo.env("RUSTFLAGS", flags).stdout(Stdio::null()).status()?;
    if !status.success() {
        return Err(format!("{package} could not be built: {status}").into());
    }
    let file = package.replace('-', "_");
    Ok(target.join("wasm32-wasip2/release").join(file).with_extension("wasm"))
}
