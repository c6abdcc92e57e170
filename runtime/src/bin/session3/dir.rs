//! The directory of the sessions: private to this user.
//!
//! WASI has no permission bits, so any user who may enter the directory may read every session in it. The umask and the
//! checks here are the only protection from other users of the machine.

use crate::cli::Scope;
use crate::components::compose::Sessions;
use nix::errno::Errno;
use nix::sys::stat::{Mode, umask};
use nix::unistd::{AccessFlags, Uid, access, geteuid};
use session_runtime::LockSpace;
use std::fs::{self, DirBuilder, Metadata};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use tracing::warn;
use wasmtime::error::Context;
use wasmtime::{Result, bail};

/// Deny group and others all access to new files.
pub fn set_umask() {
    umask(Mode::S_IRWXG | Mode::S_IRWXO);
}

/// Create the directory if missing, then check it.
pub fn create_or_check(dir: &Path) -> Result<PathBuf> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .or_else(|error| if dir.exists() { Ok(()) } else { Err(error) })
        .with_context(|| format!("cannot create the directory {}", dir.display()))?;
    check(dir)
}

/// Check that only this user has access to the directory, and return its absolute path.
pub fn check(dir: &Path) -> Result<PathBuf> {
    let metadata = metadata(dir)?;
    check_access(dir, &metadata)?;
    absolute(dir)
}

/// Like [`check`], for a directory to modify: also fails early if it is not writable.
pub fn check_to_change(dir: &Path) -> Result<PathBuf> {
    metadata(dir)?;
    let writable = access(dir, AccessFlags::W_OK);
    let only = "its sessions can be listed and shown, but not deleted";
    let name = dir.display();
    if writable == Err(Errno::EROFS) {
        bail!("{name} is on a read-only file system: {only}");
    }
    let path = check(dir)?;
    if let Err(error) = writable {
        bail!("{name} is read-only ({error}): {only}");
    }
    Ok(path)
}

/// Like [`check`], for a directory to read only. The permissions of a read-only copy, or of another user's, are up to
/// its owner.
pub fn check_to_read(dir: &Path) -> Result<PathBuf> {
    let metadata = metadata(dir)?;
    let is_ours = Uid::from_raw(metadata.uid()) == geteuid();
    if is_ours && metadata.mode() & 0o200 != 0 && access(dir, AccessFlags::W_OK).is_ok() {
        check_access(dir, &metadata)?;
    }
    absolute(dir)
}

fn metadata(dir: &Path) -> Result<Metadata> {
    let name = dir.display();
    let metadata = match fs::metadata(dir) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == ErrorKind::NotFound => return Err(no_store(dir)),
        Err(error) => return Err(error).with_context(|| format!("cannot access {name}")),
    };
    if !metadata.is_dir() {
        bail!("{name} is not a directory; give a directory with --dir");
    }
    Ok(metadata)
}

fn absolute(dir: &Path) -> Result<PathBuf> {
    fs::canonicalize(dir).with_context(|| format!("cannot resolve the path {}", dir.display()))
}

fn check_access(dir: &Path, metadata: &Metadata) -> Result<()> {
    let name = dir.display();
    let (owner, me) = (Uid::from_raw(metadata.uid()), geteuid());
    // Also for root: the server could not read the files it creates.
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

/// The lock file, the one file in the directory that is not the store's.
fn lock_file(dir: &Path) -> PathBuf {
    dir.join("session3.lock")
}

/// Whether processes have locked something in the directory.
pub fn has_locks(dir: &Path) -> bool {
    lock_file(dir).exists() || has_lock_files(dir)
}

/// Whether hosts without native locks use the directory. They lock by files in it, and then every process must.
fn has_lock_files(dir: &Path) -> bool {
    dir.join("locks").is_dir()
}

/// The locks of a store: shared by all processes on its directory, or exclusive to this one.
fn lock_space(dir: &Path, scope: Scope) -> Result<LockSpace> {
    let file = lock_file(dir);
    let space = match scope {
        Scope::Machine => LockSpace::machine(&file),
        Scope::Process => LockSpace::alone(&file),
    };
    space.with_context(|| format!("cannot use the lock file {}", file.display()))
}

/// The kind of locks in use on the directory: the space for instances on this host, and the component that uses such
/// locks.
pub fn locks(dir: &Path, scope: Scope) -> Result<(LockSpace, Sessions)> {
    if !has_lock_files(dir) {
        match lock_space(dir, scope) {
            Ok(space) => return Ok((space, Sessions::Bare)),
            // Refused beside lock files, which may have appeared just now.
            Err(_) if has_lock_files(dir) => {}
            Err(error) => return Err(error),
        }
    }
    Ok((LockSpace::process(), Sessions::WithLockFiles))
}

/// The directory while instances use it. It may be replaced, or made accessible to others, at any time.
pub struct Private {
    path: PathBuf,
    seen: Mutex<Option<Seen>>,
}

/// The properties to recheck.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    device: u64,
    inode: u64,
    owner: u32,
    mode: u32,
}

impl Private {
    /// A directory that has passed a check.
    pub fn new(path: PathBuf) -> Self {
        Self { path, seen: Mutex::new(None) }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Check again, and return what was seen. A directory that replaced it is checked as at the start. Access granted to others on the same one
    /// is logged once, and its sessions are still served: the disclosure has already happened.
    pub fn recheck(&self) -> Result<Seen> {
        let metadata =
            fs::metadata(&self.path).with_context(|| format!("the directory {} is gone", self.path.display()))?;
        let now = Seen::of(&metadata);
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if *seen == Some(now) {
            return Ok(now);
        }
        match (check_access(&self.path, &metadata), *seen) {
            (Err(error), Some(before)) if before.is_same(&now) => warn!("{error}"),
            (Err(error), _) => return Err(error),
            (Ok(()), Some(before)) if !before.is_same(&now) => {
                warn!("{} was replaced by another directory: sessions are kept in that one now", self.path.display());
            }
            (Ok(()), _) => {}
        }
        *seen = Some(now);
        Ok(now)
    }
}

impl Seen {
    fn of(metadata: &Metadata) -> Self {
        Self { device: metadata.dev(), inode: metadata.ino(), owner: metadata.uid(), mode: metadata.mode() }
    }

    fn is_same(&self, other: &Self) -> bool {
        (self.device, self.inode) == (other.device, other.inode)
    }
}
