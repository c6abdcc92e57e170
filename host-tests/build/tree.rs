//! A copy of the workspace, to plant defects in.

use std::fs;
use std::path::Path;

/// Not in git: what npm and Python leave.
const LEFT_OUT: [&str; 2] = ["node_modules", "__pycache__"];

/// The file with which cargo marks the target directories that it makes, whatever their names.
const TARGET: &str = "CACHEDIR.TAG";

/// Copies what cargo needs of the workspace to a fresh directory, which is inside this target directory.
pub fn copy(workspace: &Path, target: &Path, to: &Path) -> guest_build::Result<()> {
    if to.exists() {
        fs::remove_dir_all(to)?;
    }
    copy_directory(workspace, target, to)
}

fn copy_directory(from: &Path, target: &Path, to: &Path) -> guest_build::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let name = entry.file_name();
        let is_left_out = name.to_string_lossy().starts_with('.') || LEFT_OUT.iter().any(|left_out| name == *left_out);
        if is_left_out || entry.path() == target || entry.path().join(TARGET).exists() {
            continue;
        }
        if entry.file_type()?.is_dir() {
            copy_directory(&entry.path(), target, &to.join(name))?;
        } else if entry.file_type()?.is_file() {
            fs::copy(entry.path(), to.join(name))?;
        }
    }
    Ok(())
}
