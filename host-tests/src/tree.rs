//! The files on the disk, for tests that bypass the component.

use std::collections::BTreeMap;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

/// Everything below a directory: the relative path, and a description that changes with the content.
pub fn tree(root: &Path) -> BTreeMap<String, String> {
    let mut entries = BTreeMap::new();
    walk(root, &mut |path| {
        let name = path.strip_prefix(root).unwrap().to_string_lossy().into_owned();
        entries.insert(name, describe(path));
    });
    entries
}

/// The paths of everything below a directory with this name.
pub fn named(root: &Path, name: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    walk(root, &mut |path| {
        if path.file_name().is_some_and(|file| file == name) {
            found.push(path.to_owned());
        }
    });
    found
}

/// The file of a session.
#[track_caller]
pub fn session_file(root: &Path, id: &str) -> PathBuf {
    let mut found = named(&root.join("sessions"), id);
    assert_eq!(found.len(), 1, "a session has one file: {found:?}");
    found.remove(0)
}

/// The contents of all files below a directory.
pub fn contents(root: &Path) -> Vec<Vec<u8>> {
    let mut contents = Vec::new();
    walk(root, &mut |path| {
        if path.symlink_metadata().unwrap().is_file() {
            contents.push(fs::read(path).unwrap());
        }
    });
    contents
}

fn walk(directory: &Path, visit: &mut impl FnMut(&Path)) {
    for entry in fs::read_dir(directory).unwrap() {
        let entry = entry.unwrap();
        visit(&entry.path());
        if entry.file_type().unwrap().is_dir() {
            walk(&entry.path(), visit);
        }
    }
}

fn describe(path: &Path) -> String {
    let metadata = path.symlink_metadata().unwrap();
    if metadata.is_symlink() {
        format!("link to {}", fs::read_link(path).unwrap().display())
    } else if metadata.is_file() {
        let bytes = fs::read(path).unwrap();
        let mut hasher = DefaultHasher::new();
        bytes.hash(&mut hasher);
        format!("file, {} bytes, {:016x}", bytes.len(), hasher.finish())
    } else if metadata.is_dir() {
        "directory".into()
    } else {
        "something else".into()
    }
}
