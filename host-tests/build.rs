//! Compiles two components to `target/components/` that only tests need: `session_store_mutants.wasm`, the component once
//! more, with the deliberate defects that the tests must notice; and `memory_store.wasm`, another back end. The
//! components that are shipped are made by the build of `session-runtime`.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

#[path = "../runtime/guests.rs"]
mod guests;

fn main() -> guests::Result<()> {
    let workspace = Path::new(&env::var("CARGO_MANIFEST_DIR")?).parent().ok_or("no workspace")?.to_owned();
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let target_dir = out.ancestors().find(|dir| dir.join("CACHEDIR.TAG").exists()).ok_or("no target directory")?;
    let components = target_dir.join("components");
    fs::create_dir_all(&components)?;
    let compile = |target: &str, package: &str, flags: &[&str]| {
        guests::compile(&workspace, &guests::cargo_home()?, &target_dir.join(target), &[package], flags)
    };
    let mutants = compile("mutants", "session-store", &["--cfg", "mutants"])?;
    fs::copy(mutants.join("session_store.wasm"), components.join("session_store_mutants.wasm"))?;
    let built = compile("guests", "memory-store", &[])?;
    fs::copy(built.join("memory_store.wasm"), components.join("memory_store.wasm"))?;
    for source in ["src", "core/src", "components/memory-store", "runtime/guests.rs", "wit", "Cargo.lock"] {
        println!("cargo:rerun-if-changed={}", workspace.join(source).display());
    }
    Ok(())
}
