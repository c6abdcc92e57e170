//! Compiles the component once more for the tests, to `target/components/session_store_mutants.wasm`: with the deliberate
//! defects that they must notice. All other components are made by the build of `session-runtime`.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

fn main() -> guest_build::Result<()> {
    let workspace = Path::new(&env::var("CARGO_MANIFEST_DIR")?).parent().ok_or("no workspace")?.to_owned();
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let target_dir = out.ancestors().find(|dir| dir.join("CACHEDIR.TAG").exists()).ok_or("no target directory")?;
    let components = target_dir.join("components");
    fs::create_dir_all(&components)?;
    let packages = ["session-store"];
    let flags = ["--cfg", "mutants"];
    let built =
        guest_build::compile(&workspace, &guest_build::cargo_home()?, &target_dir.join("mutants"), &packages, &flags)?;
    fs::copy(built.join(guest_build::file("session-store")), components.join("session_store_mutants.wasm"))?;
    for source in ["src", "core/src", "guest", "wit", "Cargo.lock"] {
        println!("cargo:rerun-if-changed={}", workspace.join(source).display());
    }
    Ok(())
}
