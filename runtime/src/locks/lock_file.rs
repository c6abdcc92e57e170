//! Locks between processes: one byte of one file per name.
//!
//! Open file description locks (`F_OFD_SETLK`) belong to the description opened here. The kernel releases them when it
//! is closed, and so when the process is killed. They exclude every other description of the file, in this process or
//! another; child processes inherit nothing (`O_CLOEXEC`).
//!
//! One more byte of the file is locked by its users, shared or exclusively. A process that opens another file at the
//! same path cannot see these locks, so there are marks in the directory: a process that holds a lock in a file also
//! locks one byte of the directory, at the file's inode number.

use super::error::Mode;
use super::name::Name;
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// A byte that no name maps to, as names are below 2^62: locked by all users of the file, shared, or by one
/// exclusively. Versions that did not know of it probe it when they open the file, and fail while it is locked
/// exclusively.
const USERS: i64 = 1 << 62;

/// The directory of lock files, for hosts without such locks.
const LOCK_FILES: &str = "locks";

/// Attempts to open the file while it or its directory is being replaced.
const TRIES: usize = 100;

/// Identifies a file or directory whatever its name: device and inode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    device: u64,
    inode: u64,
}

impl Identity {
    /// The directory of the file at this path.
    pub(super) fn of_home(path: &Path) -> io::Result<Self> {
        fs::metadata(home(path)).map(|metadata| Self::of(&metadata))
    }

    fn of(metadata: &Metadata) -> Self {
        Self { device: metadata.dev(), inode: metadata.ino() }
    }

    /// The offset of the file's mark in its directory.
    fn mark(self) -> i64 {
        (self.inode & (u64::MAX >> 2)).cast_signed() + 1
    }
}

/// How a process uses the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Usage {
    /// With other processes, excluded name by name.
    Shared,
    /// Exclusively: other processes cannot use it, so names need no locks.
    Alone,
}

pub(super) struct LockFile {
    file: File,
    identity: Identity,
    directory: File,
    home: Identity,
    usage: Usage,
}

impl LockFile {
    pub(super) fn open(path: &Path, usage: Usage) -> io::Result<Self> {
        for _ in 0..TRIES {
            refuse_lock_files(path)?;
            let directory = File::open(home(path))?;
            let file = OpenOptions::new()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .mode(0o600)
                // std adds O_CLOEXEC. A link could point to a file whose locks mean something else.
                .custom_flags(libc::O_NOFOLLOW)
                .open(path)?;
            // Create, then check: hosts with lock files use the same order, so one of the two sees the other.
            refuse_lock_files(path)?;
            let identity = Identity::of(&file.metadata()?);
            let home = Identity::of(&directory.metadata()?);
            let opened = Self { file, identity, directory, home, usage };
            if opened.is_at(path)? && Identity::of_home(path)? == home {
                // A file system without locks fails here rather than at the first session.
                opened.register()?;
                return Ok(opened);
            }
        }
        Err(io::Error::other("it keeps being replaced"))
    }

    /// Register as a user of the file, until it is closed.
    fn register(&self) -> io::Result<()> {
        let (kind, refusal) = match self.usage {
            Usage::Shared => (
                libc::F_RDLCK,
                "another process uses it exclusively, such as a server with `--scope process`; stop that one, or run \
                 it with `--scope machine`",
            ),
            Usage::Alone => (
                libc::F_WRLCK,
                "other processes use it, so it cannot be used exclusively (`--scope process`); stop them, or share it \
                 with them (`--scope machine`)",
            ),
        };
        match set(&self.file, USERS, kind) {
            Ok(()) if self.usage == Usage::Alone => Ok(set(&self.directory, self.identity.mark(), libc::F_RDLCK)?),
            Ok(()) => Ok(()),
            Err(Errno::EAGAIN | Errno::EACCES) => Err(io::Error::new(ErrorKind::ResourceBusy, refusal)),
            Err(error) => Err(error.into()),
        }
    }

    /// The directory it was opened in.
    pub(super) fn home(&self) -> Identity {
        self.home
    }

    /// Whether the path names this file.
    pub(super) fn is_at(&self, path: &Path) -> io::Result<bool> {
        match fs::symlink_metadata(path) {
            Ok(metadata) => Ok(Identity::of(&metadata) == self.identity),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Try to take the lock for this process. Returns whether it was free.
    pub(super) fn try_lock(&self, name: Name, mode: Mode) -> io::Result<bool> {
        let kind = match mode {
            _ if self.usage == Usage::Alone => return Ok(true),
            Mode::Shared => libc::F_RDLCK,
            Mode::Exclusive => libc::F_WRLCK,
        };
        match set(&self.file, offset(name), kind) {
            Ok(()) => Ok(true),
            Err(Errno::EAGAIN | Errno::EACCES) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Release the lock.
    pub(super) fn unlock(&self, name: Name) {
        if self.usage == Usage::Shared
            && let Err(error) = set(&self.file, offset(name), libc::F_UNLCK)
        {
            tracing::error!(%error, "a lock stays locked for other processes until this one ends");
        }
    }

    /// Mark in the directory that this process holds locks in this file, for users of another file.
    pub(super) fn mark(&self) -> io::Result<()> {
        match self.usage {
            Usage::Shared => Ok(set(&self.directory, self.identity.mark(), libc::F_RDLCK)?),
            Usage::Alone => Ok(()),
        }
    }

    /// Remove the mark set by [`mark`](Self::mark).
    pub(super) fn unmark(&self) {
        if self.usage == Usage::Shared
            && let Err(error) = set(&self.directory, self.identity.mark(), libc::F_UNLCK)
        {
            tracing::error!(%error, "the directory stays marked until this process ends");
        }
    }

    /// Whether locks are held in another file of the directory.
    pub(super) fn is_another_in_use(&self) -> io::Result<bool> {
        let mark = self.identity.mark();
        Ok(is_locked(&self.directory, 0, mark)? || is_locked(&self.directory, mark + 1, TO_THE_END)?)
    }

    /// Update the mtime, so that cleaners of old files spare it.
    pub(super) fn refresh(&self) -> io::Result<()> {
        self.file.set_modified(SystemTime::now())
    }
}

/// Fail if there is a directory of lock files: hosts that use those do not see locks in this file.
fn refuse_lock_files(path: &Path) -> io::Result<()> {
    let directory = path.with_file_name(LOCK_FILES);
    if !directory.is_dir() {
        return Ok(());
    }
    let why = format!("other hosts use the lock files in {}, which it does not exclude", directory.display());
    Err(io::Error::new(ErrorKind::ResourceBusy, why))
}

fn home(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent.into(),
        _ => ".".into(),
    }
}

fn offset(name: Name) -> i64 {
    name.hash().cast_signed()
}

/// The length of a range up to the end of the file.
const TO_THE_END: i64 = 0;

fn set(file: &File, offset: i64, kind: libc::c_int) -> nix::Result<()> {
    fcntl(file, FcntlArg::F_OFD_SETLK(&range(offset, 1, kind))).map(drop)
}

/// Whether another description has a lock in this range.
fn is_locked(file: &File, start: i64, length: i64) -> nix::Result<bool> {
    let mut range = range(start, length, libc::F_WRLCK);
    fcntl(file, FcntlArg::F_OFD_GETLK(&mut range))?;
    Ok(libc::c_int::from(range.l_type) != libc::F_UNLCK)
}

fn range(start: i64, length: i64, kind: libc::c_int) -> libc::flock {
    libc::flock {
        l_type: kind as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: start,
        l_len: length,
        l_pid: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::{Identity, home};
    use std::path::Path;

    /// Other programs compute it as well (`bindings/python`): they exclude each other by this byte.
    #[test]
    fn the_mark_is_the_byte_behind_the_inode_number() {
        for (inode, mark) in [(0, 1), (41, 42), (1 << 61, (1 << 61) + 1), (u64::MAX, 1 << 62)] {
            assert_eq!(Identity { device: 7, inode }.mark(), mark, "{inode}");
        }
    }

    #[test]
    fn the_directory_of_a_lock_file() {
        for (path, directory) in [("session3.lock", "."), ("a/session3.lock", "a"), ("/session3.lock", "/")] {
            assert_eq!(home(Path::new(path)), Path::new(directory));
        }
    }
}
