//! Compiles all components of the workspace: the root package and those in `components/`, one per package. The command
//! embeds some of them. All are written to `target/components/` for tests and users.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use guest_build::{Result, TARGET};

/// The sources of the components.
const SOURCES: [&str; 9] =
    ["Cargo.toml", "Cargo.lock", "wit", "core/Cargo.toml", "core/src", "src", "components", "guest", "engines"];

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    if env::var_os("CARGO_FEATURE_COMMAND").is_none() {
        return;
    }
    if let Err(error) = build() {
        eprintln!("error: the components of `session3` could not be built: {error}");
        std::process::exit(1);
    }
}

fn build() -> Result<()> {
    let workspace = Path::new(&env::var("CARGO_MANIFEST_DIR")?).parent().ok_or("no workspace")?.to_owned();
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let target = guest_build::target_dir(&out)?;
    let components = target.join("components");

    find_target(&workspace)?;
    let packages = guest_build::components(&workspace)?;
    let built = guest_build::compile(&workspace, &guest_build::cargo_home()?, &target.join("guests"), &packages, &[])?;
    fs::create_dir_all(&components)?;
    for package in packages {
        let file = guest_build::file(&package);
        let wasm = fs::read(built.join(&file))?;
        write_if_changed(&components.join(&file), &wasm)?;
        write_if_changed(&out.join(&file), &wasm)?;
    }
    for source in SOURCES {
        println!("cargo:rerun-if-changed={}", workspace.join(source).display());
    }
    Ok(())
}

/// Check that the Rust target is installed, and say how to install it otherwise.
fn find_target(workspace: &Path) -> Result<()> {
    let rustc = env::var("RUSTC")?;
    let libdir =
        Command::new(rustc).current_dir(workspace).args(["--print=target-libdir", "--target", TARGET]).output()?;
    let libdir = String::from_utf8(libdir.stdout)?;
    if !libdir.trim().is_empty() && Path::new(libdir.trim()).exists() {
        return Ok(());
    }
    Err(format!("the Rust target {TARGET} is not installed; run `rustup target add {TARGET}`").into())
}

/// Keeps the mtime of an unchanged file, so that nothing is rebuilt for it.
fn write_if_changed(path: &Path, bytes: &[u8]) -> Result<()> {
    if fs::read(path).is_ok_and(|old| old == bytes) {
        return Ok(());
    }
    // Atomically: tests of another cargo may be reading it.
    let new = path.with_extension("new");
    fs::write(&new, bytes)?;
    Ok(fs::rename(new, path)?)
}
