//! A directory on a read-only file system. Requires the privilege to mount.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A directory that is bind-mounted read-only onto itself until this is dropped.
pub struct ReadOnly(PathBuf);

impl ReadOnly {
    /// Mounts the directory.
    pub fn mount(path: &Path) -> Self {
        let path = path.to_str().unwrap();
        mount(&["--bind", path, path]);
        let mounted = Self(path.into());
        mount(&["-o", "remount,bind,ro", path]);
        mounted
    }
}

fn mount(arguments: &[&str]) {
    let status = Command::new("mount").args(arguments).status().expect("this test needs `mount`");
    assert!(status.success(), "this test needs the privilege to mount (run it as root)");
}

impl Drop for ReadOnly {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}
