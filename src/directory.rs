//! Files and directories by descriptor: the only module that calls `wasi:filesystem/types`.
//!
//! No call follows a symbolic link in the last component of its path, and no path leaves the directory it is relative
//! to; the host refuses links that would. Reads and writes use the descriptor directly, not streams: a stream is
//! written by another thread, which may still write after the instance is dead and its locks are free.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use session_core::error::{Error, Result};
use session_core::slots::{Head, SECTOR};
use session_core::store::Instant;
use wasi::clocks::wall_clock::Datetime;
pub use wasi::filesystem::types::ErrorCode;
use wasi::filesystem::types::{
    Descriptor, DescriptorFlags, DescriptorStat, DescriptorType, DirectoryEntryStream, NewTimestamp, OpenFlags,
    PathFlags,
};

/// The result of a host call.
pub type Io<T> = core::result::Result<T, ErrorCode>;

/// Fits a small session in one read. Not larger, because the host zeroes the requested buffer.
const FIRST_READ: usize = 8192;

/// Maximum size of one read: the host copies what it returns, and both copies are in memory then.
const MAX_READ: usize = 1 << 20;

/// Maximum attempts of an interrupted call.
const MAX_TRIES: usize = 8;

/// An open directory.
pub struct Directory(Descriptor);

impl Directory {
    /// Takes a preopened directory. Some hosts treat the preopened descriptor itself specially, but not the one that
    /// `.` opens.
    pub fn of_preopen(preopen: &Descriptor) -> Io<Self> {
        open_directory(preopen, ".")
    }

    /// Opens a directory below this one.
    pub fn directory(&self, path: &str) -> Io<Self> {
        open_directory(&self.0, path)
    }

    /// Makes a directory; no-op if it exists.
    pub fn make_directory(&self, path: &str) -> Io<()> {
        match self.0.create_directory_at(path) {
            Err(ErrorCode::Exist) => Ok(()),
            other => other,
        }
    }

    /// Makes a directory in a tree, and the tree itself if it was removed.
    pub fn make_directory_in(&self, tree: &str, path: &str) -> Io<()> {
        match self.make_directory(path) {
            Err(ErrorCode::NoEntry) => {
                self.make_directory(tree)?;
                self.sync()?;
                self.make_directory(path)
            }
            made => made,
        }
    }

    /// Opens a file for reading; for writing too where that is allowed, because opening a named pipe planted in place
    /// of a session for reading alone would block. Where it is not allowed, the type is checked first.
    pub fn read(&self, path: &str) -> Io<Option<File>> {
        self.write(path).or_else(|_| match retry_interrupted(|| self.0.stat_at(PathFlags::empty(), path)) {
            Ok(stat) if may_block(stat.type_) => Err(ErrorCode::Pipe),
            _ => self.open(path, DescriptorFlags::READ),
        })
    }

    /// Opens a file for reading and writing.
    pub fn write(&self, path: &str) -> Io<Option<File>> {
        self.open(path, DescriptorFlags::READ | DescriptorFlags::WRITE)
    }

    fn open(&self, path: &str, flags: DescriptorFlags) -> Io<Option<File>> {
        match retry_interrupted(|| self.0.open_at(PathFlags::empty(), path, OpenFlags::empty(), flags)) {
            Ok(file) => Ok(Some(File(file))),
            Err(ErrorCode::NoEntry) => Ok(None),
            Err(code) => Err(code),
        }
    }

    /// Creates a file that must not exist.
    pub fn create(&self, path: &str) -> Io<File> {
        let flags = DescriptorFlags::READ | DescriptorFlags::WRITE;
        self.0.open_at(PathFlags::empty(), path, OpenFlags::CREATE | OpenFlags::EXCLUSIVE, flags).map(File)
    }

    /// Renames within this directory's tree; replaces a file of the new name.
    pub fn rename(&self, old: &str, new: &str) -> Io<()> {
        self.0.rename_at(old, &self.0, new)
    }

    /// Removes a file and returns whether it existed.
    pub fn remove(&self, path: &str) -> Io<bool> {
        match self.0.unlink_file_at(path) {
            Ok(()) => Ok(true),
            Err(ErrorCode::NoEntry) => Ok(false),
            Err(code) => Err(code),
        }
    }

    /// Removes a directory if it is empty.
    pub fn remove_directory(&self, path: &str) -> Io<()> {
        self.0.remove_directory_at(path)
    }

    /// Whether an entry with this name exists.
    pub fn exists(&self, path: &str) -> Io<bool> {
        match retry_interrupted(|| self.0.stat_at(PathFlags::empty(), path)) {
            Ok(_) => Ok(true),
            Err(ErrorCode::NoEntry) => Ok(false),
            Err(code) => Err(code),
        }
    }

    /// The length of a file in bytes; 0 if it is gone.
    pub fn size_of(&self, path: &str) -> Io<u64> {
        match retry_interrupted(|| self.0.stat_at(PathFlags::empty(), path)) {
            Ok(stat) => Ok(stat.size),
            Err(ErrorCode::NoEntry) => Ok(0),
            Err(code) => Err(code),
        }
    }

    /// A file's time stamps; none if it is missing.
    pub fn stamps(&self, path: &str) -> Io<Option<Stamps>> {
        match retry_interrupted(|| self.0.stat_at(PathFlags::empty(), path)) {
            Ok(stat) => Ok(Some(Stamps {
                modified: stat.data_modification_timestamp.map_or(0, |stamp| milliseconds(&stamp)),
                all: [stat.data_modification_timestamp, stat.status_change_timestamp]
                    .map(|stamp| stamp.map(|stamp| (stamp.seconds, stamp.nanoseconds))),
            })),
            Err(ErrorCode::NoEntry) => Ok(None),
            Err(code) => Err(code),
        }
    }

    /// Makes the directory's names durable.
    pub fn sync(&self) -> Io<()> {
        self.0.sync_data()
    }

    /// The names in the directory, in no order. Skips entries that are gone by now or whose names are not Unicode: no
    /// file of a store has such a name.
    pub fn names(&self) -> Io<Names> {
        retry_interrupted(|| self.0.read_directory()).map(Names)
    }
}

/// Opens a directory for changes or, where the host does not allow or support that, for reading.
fn open_directory(base: &Descriptor, path: &str) -> Io<Directory> {
    let open = |flags| retry_interrupted(|| base.open_at(PathFlags::empty(), path, OpenFlags::DIRECTORY, flags));
    match open(DescriptorFlags::READ | DescriptorFlags::MUTATE_DIRECTORY) {
        Err(ErrorCode::Unsupported | ErrorCode::NotPermitted | ErrorCode::ReadOnly) => open(DescriptorFlags::READ),
        other => other,
    }
    .map(Directory)
}

/// Whether opening it could block.
fn may_block(kind: DescriptorType) -> bool {
    use DescriptorType::{Directory, RegularFile, SymbolicLink};
    !matches!(kind, RegularFile | Directory | SymbolicLink)
}

/// The names in a directory, one at a time.
pub struct Names(DirectoryEntryStream);

impl Iterator for Names {
    type Item = Io<String>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.0.read_directory_entry() {
                Ok(entry) => return Ok(entry.map(|entry| entry.name)).transpose(),
                // Removed since the directory was read, or not a Unicode name: skip this entry only.
                Err(ErrorCode::NoEntry | ErrorCode::IllegalByteSequence) => {}
                Err(code) => return Some(Err(code)),
            }
        }
    }
}

/// When a file was modified, and the full time stamps that tell it from a file that replaces it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Stamps {
    /// When the file was last modified.
    pub modified: Instant,
    all: [Option<(u64, u32)>; 2],
}

/// An open file.
pub struct File(Descriptor);

impl File {
    /// Reads a session's file: as much as its head announces, or as the file has.
    pub fn contents(&self) -> Io<Vec<u8>> {
        let mut bytes = Vec::new();
        let mut wanted = FIRST_READ;
        let mut sized = false;
        while bytes.len() < wanted {
            let most = (wanted - bytes.len()).min(MAX_READ);
            let (more, end) = retry_interrupted(|| self.0.read(most as u64, bytes.len() as u64))?;
            let got = more.len();
            if bytes.is_empty() {
                bytes = more;
            } else {
                bytes.extend_from_slice(&more);
            }
            if !sized && bytes.len() >= SECTOR {
                sized = true;
                // Not a valid head: what was read is enough to report that.
                wanted = Head::parse(&bytes).map_or(bytes.len(), |head| head.file_len());
                if wanted > bytes.len() {
                    // The head may announce more than the file has; reserve memory only for what is there.
                    wanted = wanted.min(self.size()?);
                    let missing = wanted.saturating_sub(bytes.len());
                    bytes.try_reserve_exact(missing).map_err(|_| ErrorCode::InsufficientMemory)?;
                }
            }
            if end || got == 0 {
                break;
            }
        }
        Ok(bytes)
    }

    /// Writes all bytes at an offset.
    pub fn write(&self, mut bytes: &[u8], mut at: u64) -> Io<()> {
        while !bytes.is_empty() {
            let written = retry_interrupted(|| self.0.write(bytes, at))?;
            if written == 0 {
                return Err(ErrorCode::Io);
            }
            bytes = bytes.get(written as usize..).ok_or(ErrorCode::Io)?;
            at += written;
        }
        Ok(())
    }

    /// Makes the file's data durable. Never call it again after a failure: the pages are then marked clean.
    pub fn sync(&self) -> Io<()> {
        self.0.sync_data()
    }

    fn size(&self) -> Io<usize> {
        Ok(usize::try_from(retry_interrupted(|| self.0.stat())?.size).unwrap_or(usize::MAX))
    }

    /// When the file was last modified, by a write or by `set_modified`.
    pub fn modified(&self) -> Io<Instant> {
        let stat: DescriptorStat = retry_interrupted(|| self.0.stat())?;
        Ok(stat.data_modification_timestamp.map_or(0, |stamp| milliseconds(&stamp)))
    }

    /// Whether it is a regular file.
    pub fn is_regular(&self) -> Io<bool> {
        Ok(self.0.get_type()? == DescriptorType::RegularFile)
    }

    /// Sets the file's modification time.
    pub fn set_modified(&self, now: Instant) -> Io<()> {
        let stamp = Datetime { seconds: now / 1000, nanoseconds: (now % 1000) as u32 * 1_000_000 };
        self.0.set_times(NewTimestamp::NoChange, NewTimestamp::Timestamp(stamp))
    }
}

fn milliseconds(stamp: &Datetime) -> Instant {
    stamp.seconds.saturating_mul(1000).saturating_add(u64::from(stamp.nanoseconds) / 1_000_000)
}

/// Calls the host, retrying while it is interrupted.
fn retry_interrupted<T>(mut call: impl FnMut() -> Io<T>) -> Io<T> {
    let mut result = call();
    for _ in 1..MAX_TRIES {
        if !matches!(result, Err(ErrorCode::Interrupted)) {
            break;
        }
        result = call();
    }
    result
}

/// Converts the error of a failed action, with its remedy: `map_err(failed("load the session"))`.
pub fn failed(action: &str) -> impl FnOnce(ErrorCode) -> Error {
    move |code| error(action, code)
}

fn error(action: &str, code: ErrorCode) -> Error {
    let text = |why: &str| format!("cannot {action}: {why}");
    match code {
        ErrorCode::InsufficientSpace => Error::NoSpace(text("the disk is full; free some space")),
        ErrorCode::Quota => Error::NoSpace(text("the disk quota is used up")),
        ErrorCode::FileTooLarge => Error::NoSpace(text("the file would exceed the size limit of the process or disk")),
        ErrorCode::ReadOnly => Error::AccessDenied(text("the file system is read-only")),
        ErrorCode::Access | ErrorCode::NotPermitted => Error::AccessDenied(text(
            "permission denied; the host must preopen the directory for writing, as its owner",
        )),
        ErrorCode::Loop => Error::Corrupt(text("its path is a symbolic link; remove it")),
        // Hosts fail a read of a directory with `bad-descriptor`.
        ErrorCode::IsDirectory | ErrorCode::BadDescriptor => Error::Corrupt(text("its path is a directory; remove it")),
        ErrorCode::InvalidSeek | ErrorCode::Pipe => Error::Corrupt(text("its path is not a regular file; remove it")),
        ErrorCode::InsufficientMemory => Error::Other(text("it needs more memory than the instance may have")),
        ErrorCode::NotDirectory => Error::Corrupt(text("a file is in place of a directory on its path; remove it")),
        code => Error::Io(text(code.message())),
    }
}

/// The error of a write that may have taken effect.
pub fn unknown(action: &str) -> impl FnOnce(ErrorCode) -> Error {
    move |code| {
        Error::OutcomeUnknown(format!(
            "cannot {action}: {}; it may have taken effect, load the session to find out",
            code.message()
        ))
    }
}

/// The result of a change made in one host call. A refused call has had no effect; one that failed in the medium may
/// have.
pub fn changed(result: Io<()>, action: &str) -> Result<()> {
    result.map_err(|code| if code == ErrorCode::Io { unknown(action)(code) } else { error(action, code) })
}
