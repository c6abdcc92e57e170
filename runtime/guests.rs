//! Compiles components: part of the build scripts of `session-runtime` and `host-tests`.

use std::env;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

pub const TARGET: &str = "wasm32-wasip2";

pub type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Compile packages of the workspace into a target directory of their own: the one of the cargo that runs the build
/// script is locked until that is done. Returns where the components are.
pub fn compile(workspace: &Path, target: &Path, packages: &[&str], flags: &[&str]) -> Result<PathBuf> {
    let mut cargo = Command::new(env::var("CARGO")?);
    cargo.current_dir(workspace).args(["build", "--release", "--locked", "--target", TARGET]);
    cargo.arg("--target-dir").arg(target);
    for package in packages {
        cargo.args(["-p", package]);
    }
    // What is meant for the host: flags of its linker, and the clippy that may be checking us.
    for variable in ["RUSTFLAGS", "RUSTC_WORKSPACE_WRAPPER", "CARGO_BUILD_TARGET"] {
        cargo.env_remove(variable);
    }
    let flags: Vec<_> = flags.iter().map(|flag| flag.to_string()).chain(paths_of_nobody(workspace)?).collect();
    cargo.env("CARGO_ENCODED_RUSTFLAGS", flags.join("\x1f"));
    // The outer cargo reads our standard output.
    let status = cargo.stdout(Stdio::null()).status()?;
    if !status.success() {
        return Err(format!("cargo build --target {TARGET}: {status}").into());
    }
    Ok(target.join(TARGET).join("release"))
}

/// Flags for the same bytes on every machine: the texts of panics name source files, and not whose they are.
fn paths_of_nobody(workspace: &Path) -> Result<Vec<String>> {
    let rustc = env::var("RUSTC")?;
    let ask = |question: &[&str]| -> Result<String> {
        let answer = Command::new(&rustc).current_dir(workspace).args(question).output()?;
        Ok(String::from_utf8(answer.stdout)?.trim().to_owned())
    };
    let version = ask(&["-vV"])?;
    let commit = version.lines().find_map(|line| line.strip_prefix("commit-hash: ")).unwrap_or("unknown");
    // Where the sources of the standard library are installed, they are named; elsewhere they have this name.
    let std_sources = Path::new(&ask(&["--print=sysroot"])?).join("lib/rustlib/src/rust");
    let cargo_home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = cargo_home.or_else(|| Some(Path::new(&env::var_os("HOME")?).join(".cargo"))).ok_or("no CARGO_HOME")?;
    let renamed = [(std_sources, format!("/rustc/{commit}")), (home, "/cargo".into()), (workspace.into(), "/session3".into())];
    let flags = renamed.map(|(path, name)| format!("--remap-path-prefix={}={name}", path.display()));
    Ok(flags.into())
}
