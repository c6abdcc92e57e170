//! The components are the same bytes wherever they are built.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use host_tests::host::component_path;

/// All of their sources, and what the workspace requires.
const SOURCES: [&str; 15] = [
    "Cargo.toml",
    "Cargo.lock",
    "rust-toolchain.toml",
    "core",
    "components",
    "engines",
    "guest",
    "src",
    "wit",
    "runtime",
    "conformance",
    "host-tests",
    "examples/embed",
    "examples/guests/rust",
    "examples/guests/wit",
];

/// A copy of the workspace, elsewhere and with another `CARGO_HOME`, builds the same.
#[test]
#[ignore = "compiles all components once more: scripts/test --hosts"]
fn another_directory_makes_the_same_bytes() {
    let elsewhere = tempfile::tempdir().unwrap();
    let [workspace, home] = ["somebody/else", "home"].map(|name| elsewhere.path().join(name));
    for source in SOURCES {
        copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(source), &workspace.join(source));
    }
    fs::create_dir(&home).unwrap();
    symlink(guest_build::cargo_home().unwrap().join("registry"), home.join("registry")).unwrap();
    let packages = guest_build::components(&workspace).unwrap();
    let built = guest_build::compile(&workspace, &home, &elsewhere.path().join("target"), &packages, &[]).unwrap();
    for package in packages {
        let file = guest_build::file(&package);
        let (here, there) =
            (fs::read(component_path().with_file_name(&file)).unwrap(), fs::read(built.join(&file)).unwrap());
        assert!(here == there, "{file} differs: {} bytes here and {} there", here.len(), there.len());
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to.parent().unwrap()).unwrap();
    let status = Command::new("cp").arg("-rL").arg(from).arg(to).status().unwrap();
    assert!(status.success());
}
