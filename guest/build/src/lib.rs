//! Finds the components of the workspace and compiles them, for build scripts and for the test that compares the bytes.

use std::env;
use std::error::Error;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What components are compiled for.
pub const TARGET: &str = "wasm32-wasip2";
/// The profile of the workspace that makes them small.
const PROFILE: &str = "component";

/// Whatever goes wrong, for a build script to print.
pub type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Where cargo keeps the sources of what we depend on.
pub fn cargo_home() -> Result<PathBuf> {
    let home = || Some(Path::new(&env::var_os("HOME")?).join(".cargo"));
    env::var_os("CARGO_HOME").map(PathBuf::from).or_else(home).ok_or_else(|| "there is no home directory".into())
}

/// The packages of the workspace that are components: the one at its root, and each in `components/`.
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

/// The file that a package is compiled to.
pub fn file(package: &str) -> String {
    format!("{}.wasm", package.replace('-', "_"))
}

/// Compile packages of the workspace into a target directory of their own: the one of the cargo that runs the build
/// script is locked until that is done. Returns where the components are.
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
    // What is meant for the host: flags of its linker, and the clippy that may be checking us.
    for variable in ["RUSTFLAGS", "RUSTC_WORKSPACE_WRAPPER", "CARGO_BUILD_TARGET"] {
        cargo.env_remove(variable);
    }
    let flags: Vec<_> =
        flags.iter().map(|flag| flag.to_string()).chain(paths_of_nobody(workspace, cargo_home)?).collect();
    cargo.env("CARGO_ENCODED_RUSTFLAGS", flags.join("\x1f"));
    // The outer cargo reads our standard output.
    let status = cargo.stdout(Stdio::null()).status()?;
    if !status.success() {
        return Err(format!("cargo build --target {TARGET}: {status}").into());
    }
    Ok(target.join(TARGET).join(PROFILE))
}

/// Flags for the same bytes on every machine: the texts of panics name source files, and not whose they are.
fn paths_of_nobody(workspace: &Path, cargo_home: &Path) -> Result<Vec<String>> {
    let rustc = tool("RUSTC", "rustc");
    let ask = |question: &[&str]| -> Result<String> {
        let answer = Command::new(&rustc).current_dir(workspace).args(question).output()?;
        Ok(String::from_utf8(answer.stdout)?.trim().to_owned())
    };
    let version = ask(&["-vV"])?;
    let commit = version.lines().find_map(|line| line.strip_prefix("commit-hash: ")).unwrap_or("unknown");
    // Where the sources of the standard library are installed, they are named; elsewhere they have this name.
    let std_sources = Path::new(&ask(&["--print=sysroot"])?).join("lib/rustlib/src/rust");
    let renamed = [(&*std_sources, &*format!("/rustc/{commit}")), (cargo_home, "/cargo"), (workspace, "/session3")];
    let flags = renamed.map(|(path, name)| format!("--remap-path-prefix={}={name}", path.display()));
    Ok(flags.into())
}

/// The one that runs us, if it is a cargo.
fn tool(variable: &str, name: &str) -> OsString {
    env::var_os(variable).unwrap_or_else(|| name.into())
}
