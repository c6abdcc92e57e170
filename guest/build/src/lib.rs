//! Finds and compiles the components of the workspace, for build scripts and for the test of reproducible builds.

use std::env;
use std::error::Error;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The compilation target of components.
pub const TARGET: &str = "wasm32-wasip2";
/// The workspace profile optimized for size.
const PROFILE: &str = "component";

/// A result with any error, for a build script to print.
pub type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Cargo's home directory, where it keeps the sources of dependencies.
pub fn cargo_home() -> Result<PathBuf> {
    let home = || Some(Path::new(&env::var_os("HOME")?).join(".cargo"));
    env::var_os("CARGO_HOME").map(PathBuf::from).or_else(home).ok_or_else(|| "there is no home directory".into())
}

/// The target directory above a build script's `OUT_DIR`. Cargo marks it if it creates it, but does not name it. With
/// `--target` or another profile it is some levels higher.
pub fn target_dir(out: &Path) -> Result<&Path> {
    let marked = out.ancestors().find(|dir| dir.join("CACHEDIR.TAG").exists());
    marked.or(out.ancestors().nth(4)).ok_or_else(|| format!("no target directory above {}", out.display()).into())
}

/// The workspace packages that are components: the root package, and each in `components/`.
pub fn components(workspace: &Path) -> Result<Vec<String>> {
    let mut packages = vec!["session-store".to_owned()];
    for entry in fs::read_dir(workspace.join("components"))? {
        let folder = entry?;
        if folder.path().join("Cargo.toml").is_file() {
            packages.push(folder.file_name().into_string().map_err(|name| format!("{name:?} is no package"))?);
        }
    }
    packages.sort();
    Ok(packages)
}

/// The file name of a compiled package.
pub fn file(package: &str) -> String {
    format!("{}.wasm", package.replace('-', "_"))
}

/// Compiles packages of the workspace into a separate target directory: the one of the cargo that runs the build script
/// is locked. Returns the directory of the components.
pub fn compile(
    workspace: &Path,
    cargo_home: &Path,
    target: &Path,
    packages: &[impl AsRef<str>],
    flags: &[&str],
) -> Result<PathBuf> {
    let mut cargo = Command::new(tool("CARGO", "cargo"));
    cargo.env("CARGO_HOME", cargo_home).current_dir(workspace).args([
        "build",
        "--profile",
        PROFILE,
        "--locked",
        "--target",
        TARGET,
    ]);
    cargo.arg("--target-dir").arg(target);
    for package in packages {
        cargo.args(["-p", package.as_ref()]);
    }
    // Meant for the host: its linker flags, and a clippy wrapper around this build.
    for variable in ["RUSTFLAGS", "RUSTC_WORKSPACE_WRAPPER", "CARGO_BUILD_TARGET"] {
        cargo.env_remove(variable);
    }
    let flags: Vec<_> = flags.iter().map(|flag| flag.to_string()).chain(remap_flags(workspace, cargo_home)?).collect();
    cargo.env("CARGO_ENCODED_RUSTFLAGS", flags.join("\x1f"));
    // The outer cargo parses the standard output of build scripts.
    let status = cargo.stdout(Stdio::null()).status()?;
    if !status.success() {
        return Err(format!("cargo build --target {TARGET}: {status}").into());
    }
    Ok(target.join(TARGET).join(PROFILE))
}

/// Flags for reproducible builds: panic messages contain source paths, which must not depend on the machine.
fn remap_flags(workspace: &Path, cargo_home: &Path) -> Result<Vec<String>> {
    let rustc = tool("RUSTC", "rustc");
    let run = |arguments: &[&str]| -> Result<String> {
        let output = Command::new(&rustc).current_dir(workspace).args(arguments).output()?;
        Ok(String::from_utf8(output.stdout)?.trim().to_owned())
    };
    let version = run(&["-vV"])?;
    let commit = version.lines().find_map(|line| line.strip_prefix("commit-hash: ")).unwrap_or("unknown");
    // With the standard library's sources installed, rustc emits their path; otherwise this name.
    let std_sources = Path::new(&run(&["--print=sysroot"])?).join("lib/rustlib/src/rust");
    let renamed = [(&*std_sources, &*format!("/rustc/{commit}")), (cargo_home, "/cargo"), (workspace, "/session3")];
    let flags = renamed.map(|(path, name)| format!("--remap-path-prefix={}={name}", path.display()));
    Ok(flags.into())
}

/// The tool that runs this build, if it is cargo.
fn tool(variable: &str, name: &str) -> OsString {
    env::var_os(variable).unwrap_or_else(|| name.into())
}
