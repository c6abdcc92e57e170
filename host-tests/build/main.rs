//! Compiles a second store for the tests, `target/components/session_store_planted.wasm`, from the same sources with
//! the defects of `planted.rs`. The build script of `session-runtime` builds all other components.

mod planted;
mod tree;

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

fn main() -> guest_build::Result<()> {
    let workspace = Path::new(&env::var("CARGO_MANIFEST_DIR")?).parent().ok_or("no workspace")?.to_owned();
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let target_dir = guest_build::target_dir(&out)?;
    let components = target_dir.join("components");
    fs::create_dir_all(&components)?;

    let copy = out.join("planted");
    tree::copy(&workspace, target_dir, &copy)?;
    planted::plant(&copy)?;
    fs::write(out.join("planted.rs"), planted::names())?;
    let built =
        guest_build::compile(&copy, &guest_build::cargo_home()?, &target_dir.join("planted"), &["session-store"], &[])?;
    fs::copy(built.join(guest_build::file("session-store")), components.join("session_store_planted.wasm"))?;

    for source in ["src", "core/src", "guest", "wit", "Cargo.lock", "host-tests/build"] {
        println!("cargo:rerun-if-changed={}", workspace.join(source).display());
    }
    Ok(())
}
