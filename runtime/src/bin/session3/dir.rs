//! The directory with the sessions: private, and ours.
//!
//! WASI has no permission bits, so whoever may enter the directory may read every session in it. The umask and the
//! checks here are all there is between the sessions and the other users of the machine.

use crate::compose::Sessions;
use nix::sys::stat::{Mode, umask};
use nix::unistd::{Uid, geteuid};
use session_runtime::LockSpace;
use std::fs::{self, DirBuilder, Metadata};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use wasmtime::error::Context;
use wasmtime::{Result, bail};

/// What everybody who is not the owner may do with new files: nothing.
pub fn set_umask() {
    umask(Mode::S_IRWXG | Mode::S_IRWXO);
}

/// Check the directory, after making it if it is not there.
pub fn create_or_check(dir: &Path) -> Result<PathBuf> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .or_else(|error| if dir.exists() { Ok(()) } else { Err(error) })
        .with_context(|| format!("cannot make the directory {}", dir.display()))?;
    check(dir)
}

/// Check that the directory is ours alone, and return its absolute path.
pub fn check(dir: &Path) -> Result<PathBuf> {
    let name = dir.display();
    let metadata = match fs::metadata(dir) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == ErrorKind::NotFound => return Err(no_store(dir)),
        Err(error) => return Err(error).with_context(|| format!("cannot look at {name}")),
    };
    if !metadata.is_dir() {
        bail!("{name} is not a directory; give a directory with --dir");
    }
    check_access(dir, &metadata)?;
    fs::canonicalize(dir).with_context(|| format!("cannot find the way to {name}"))
}

fn check_access(dir: &Path, metadata: &Metadata) -> Result<()> {
    let name = dir.display();
    let (owner, me) = (Uid::from_raw(metadata.uid()), geteuid());
    // Root is refused as well: what it writes here, the server could not read.
    if owner != me {
        bail!("{name} belongs to user {owner} and this is user {me}; run it as that user, or give another --dir");
    }
    let mode = metadata.mode() & 0o777;
    if mode & 0o077 != 0 {
        bail!(
            "other users have access to {name} (mode {mode:03o}) and could read the sessions; run `chmod 700 {name}` first"
        );
    }
    Ok(())
}

pub fn no_store(dir: &Path) -> wasmtime::Error {
    let dir = dir.display();
    wasmtime::format_err!("there is no session store in {dir} (start with `session3 demo --dir {dir}`, or check --dir)")
}

/// The one file in the directory that is not the store's.
fn lock_file(dir: &Path) -> PathBuf {
    dir.join("session3.lock")
}

pub fn has_lock_file(dir: &Path) -> bool {
    lock_file(dir).exists()
}

/// Whether hosts without locks of their own work on the directory. They exclude each other by files in there, which
/// everybody has to respect then.
pub fn has_lock_files(dir: &Path) -> bool {
    dir.join("locks").is_dir()
}

/// The locks of a store, for all processes that use its directory.
fn lock_space(dir: &Path) -> Result<LockSpace> {
    let file = lock_file(dir);
    LockSpace::machine(&file).with_context(|| format!("cannot use the lock file {}", file.display()))
}

/// The locks that all processes on the directory use: a space for instances on this host, and what provides the
/// sessions with such locks.
pub fn locks(dir: &Path) -> Result<(LockSpace, Sessions)> {
    if !has_lock_files(dir) {
        let space = lock_space(dir)?;
        // First made, then looked: the component with the lock files does it in this order, too, and one of the two
        // sees the other.
        if !has_lock_files(dir) {
            return Ok((space, Sessions::Bare));
        }
    }
    Ok((LockSpace::process(), Sessions::WithLockFiles))
}
