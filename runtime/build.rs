//! Compiles the components that the command carries inside. They are also put where tests and users look for them:
//! `target/components/`.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

mod guests;

use guests::{Result, TARGET};

/// Package, file, and the variable that tells the command where the file is, if it carries it inside.
const GUESTS: [(&str, &str, Option<&str>); 5] = [
    ("session-store", "session_store", Some("SESSION_STORE_WASM")),
    ("session-manager", "session_manager", None),
    ("web-demo", "web_demo", Some("WEB_DEMO_WASM")),
    ("drop-events", "drop_events", Some("DROP_EVENTS_WASM")),
    ("lock-files", "lock_files", Some("LOCK_FILES_WASM")),
];

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=guests.rs");
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
    let target = target_dir(&out)?;
    let components = target.join("components");

    install_target(&workspace)?;
    let packages = GUESTS.map(|(package, ..)| package);
    let guests = guests::compile(&workspace, &guests::cargo_home()?, &target.join("guests"), &packages, &[])?;
    fs::create_dir_all(&components)?;
    for (_, file, variable) in GUESTS {
        let built = guests.join(file);
        let wasm = fs::read(built.with_extension("wasm"))?;
        write_if_changed(&components.join(file).with_extension("wasm"), &wasm)?;
        if let Some(variable) = variable {
            let embedded = out.join(file).with_extension("wasm");
            write_if_changed(&embedded, &wasm)?;
            println!("cargo:rustc-env={variable}={}", embedded.display());
        }
        watch_sources(&built.with_extension("d"))?;
    }
    let manifests = [
        "Cargo.toml",
        "core/Cargo.toml",
        "components/drop-events/Cargo.toml",
        "components/lock-files/Cargo.toml",
        "components/session-manager/Cargo.toml",
        "components/web-demo/Cargo.toml",
    ];
    for file in manifests.iter().chain(&["Cargo.lock", "wit"]) {
        println!("cargo:rerun-if-changed={}", workspace.join(file).display());
    }
    Ok(())
}

/// Cargo marks it, and does not name it. With `--target` or another profile it is a few levels higher.
fn target_dir(out: &Path) -> Result<&Path> {
    let marked = out.ancestors().find(|dir| dir.join("CACHEDIR.TAG").exists());
    marked.or(out.ancestors().nth(4)).ok_or_else(|| format!("no target directory above {}", out.display()).into())
}

fn install_target(workspace: &Path) -> Result<()> {
    let rustc = env::var("RUSTC")?;
    let libdir =
        Command::new(rustc).current_dir(workspace).args(["--print=target-libdir", "--target", TARGET]).output()?;
    let libdir = String::from_utf8(libdir.stdout)?;
    if !libdir.trim().is_empty() && Path::new(libdir.trim()).exists() {
        return Ok(());
    }
    let added =
        Command::new("rustup").current_dir(workspace).args(["target", "add", TARGET]).stdout(Stdio::null()).status();
    match added {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("`rustup target add {TARGET}` failed ({status}); run it by hand").into()),
        Err(error) => Err(format!(
            "the Rust target {TARGET} is not installed, and rustup cannot be run ({error}); install the target with \
             `rustup target add {TARGET}`, or from where your Rust came from"
        )
        .into()),
    }
}

/// Cargo has noted beside the component which files it was made of.
fn watch_sources(list: &Path) -> Result<()> {
    let list = fs::read_to_string(list)?;
    let (_, sources) = list.split_once(": ").ok_or("an empty list of sources")?;
    // A space in a name is escaped.
    for source in sources.trim_end().replace("\\ ", "\0").split(' ') {
        println!("cargo:rerun-if-changed={}", source.replace('\0', " "));
    }
    Ok(())
}

/// The time of a file that stays the same stays, too, and nothing is rebuilt for it.
fn write_if_changed(path: &Path, bytes: &[u8]) -> Result<()> {
    if fs::read(path).is_ok_and(|old| old == bytes) {
        return Ok(());
    }
    // At once: tests of another cargo may be reading it.
    let new = path.with_extension("new");
    fs::write(&new, bytes)?;
    Ok(fs::rename(new, path)?)
}
