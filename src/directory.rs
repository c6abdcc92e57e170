//! Files and directories by their descriptors: the only place that calls `wasi:filesystem`.
//!
//! No call follows a symbolic link in the last part of its path, and no path leaves the directory it is relative to;
//! the host refuses links that would. Reads and writes go straight through the descriptor, not through streams: a
//! stream is written by another thread, which may still write when the instance is dead and its locks are free.

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

/// What a call of the host answers.
pub type Io<T> = core::result::Result<T, ErrorCode>;

/// Enough for a small session in one read. The host zeroes what it is asked for, so not more.
const FIRST_READ: usize = 8192;

/// The most that is asked for at once: what the host answers is copied, and both are in memory then.
const MOST_READ: usize = 1 << 20;

/// How often an interrupted call is made again.
const TRIES: usize = 8;

/// An open directory.
pub struct Directory(Descriptor);

impl Directory {
    /// Take a preopened directory. Some hosts treat the preopened descriptor itself specially; the one that `.` opens
    /// is like any other.
    pub fn of_preopen(preopen: &Descriptor) -> Io<Self> {
        open_directory(preopen, ".")
    }

    /// Open a directory below this one.
    pub fn directory(&self, path: &str) -> Io<Self> {
        open_directory(&self.0, path)
    }

    /// Make a directory; fine if there is one.
    pub fn make_directory(&self, path: &str) -> Io<()> {
        match self.0.create_directory_at(path) {
            Err(ErrorCode::Exist) => Ok(()),
            other => other,
        }
    }

    /// Make a directory in a tree. The tree itself may be gone: whoever took it away finds it made anew.
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

    /// Open a file for reading. For writing too, where that is allowed: opening a named pipe, planted in the place of
    /// a session, for reading alone would wait for its other end. Where it is not allowed, a look comes first.
    pub fn read(&self, path: &str) -> Io<Option<File>> {
        self.write(path).or_else(|_| match again(|| self.0.stat_at(PathFlags::empty(), path)) {
            Ok(stat) if may_wait(stat.type_) => Err(ErrorCode::Pipe),
            _ => self.open(path, DescriptorFlags::READ),
        })
    }

    /// Open a file for reading and writing.
    pub fn write(&self, path: &str) -> Io<Option<File>> {
        self.open(path, DescriptorFlags::READ | DescriptorFlags::WRITE)
    }

    fn open(&self, path: &str, flags: DescriptorFlags) -> Io<Option<File>> {
        match again(|| self.0.open_at(PathFlags::empty(), path, OpenFlags::empty(), flags)) {
            Ok(file) => Ok(Some(File(file))),
            Err(ErrorCode::NoEntry) => Ok(None),
            Err(code) => Err(code),
        }
    }

    /// Make a file that did not exist.
    pub fn create(&self, path: &str) -> Io<File> {
        let flags = DescriptorFlags::READ | DescriptorFlags::WRITE;
        self.0.open_at(PathFlags::empty(), path, OpenFlags::CREATE | OpenFlags::EXCLUSIVE, flags).map(File)
    }

    /// Rename within this directory's tree; replaces a file of the new name.
    pub fn rename(&self, old: &str, new: &str) -> Io<()> {
        self.0.rename_at(old, &self.0, new)
    }

    /// Remove a file. Says whether there was one.
    pub fn remove(&self, path: &str) -> Io<bool> {
        match self.0.unlink_file_at(path) {
            Ok(()) => Ok(true),
            Err(ErrorCode::NoEntry) => Ok(false),
            Err(code) => Err(code),
        }
    }

    /// Remove a directory if it is empty.
    pub fn remove_directory(&self, path: &str) -> Io<()> {
        self.0.remove_directory_at(path)
    }

    /// Whether there is anything of this name.
    pub fn exists(&self, path: &str) -> Io<bool> {
        match again(|| self.0.stat_at(PathFlags::empty(), path)) {
            Ok(_) => Ok(true),
            Err(ErrorCode::NoEntry) => Ok(false),
            Err(code) => Err(code),
        }
    }

    /// The length of a file in bytes; 0 when it is gone by now.
    pub fn size_of(&self, path: &str) -> Io<u64> {
        match again(|| self.0.stat_at(PathFlags::empty(), path)) {
            Ok(stat) => Ok(stat.size),
            Err(ErrorCode::NoEntry) => Ok(0),
            Err(code) => Err(code),
        }
    }

    /// What the host stamps a file with; none when there is no file.
    pub fn stamps(&self, path: &str) -> Io<Option<Stamps>> {
        match again(|| self.0.stat_at(PathFlags::empty(), path)) {
            Ok(stat) => Ok(Some(Stamps {
                modified: stat.data_modification_timestamp.map_or(0, |stamp| milliseconds(&stamp)),
                all: [stat.data_modification_timestamp, stat.status_change_timestamp]
                    .map(|stamp| stamp.map(|stamp| (stamp.seconds, stamp.nanoseconds))),
            })),
            Err(ErrorCode::NoEntry) => Ok(None),
            Err(code) => Err(code),
        }
    }

    /// Put the directory's names on the disk.
    pub fn sync(&self) -> Io<()> {
        self.0.sync_data()
    }

    /// The names in the directory, in no order. Entries that cannot be read are not ours or are gone by now.
    pub fn names(&self) -> Io<Names> {
        again(|| self.0.read_directory()).map(Names)
    }
}

/// Open a directory to change it or, where the host does not allow or know that, to read it.
fn open_directory(base: &Descriptor, path: &str) -> Io<Directory> {
    let open = |flags| again(|| base.open_at(PathFlags::empty(), path, OpenFlags::DIRECTORY, flags));
    match open(DescriptorFlags::READ | DescriptorFlags::MUTATE_DIRECTORY) {
        Err(ErrorCode::Unsupported | ErrorCode::NotPermitted | ErrorCode::ReadOnly) => open(DescriptorFlags::READ),
        other => other,
    }
    .map(Directory)
}

/// Whether opening it could wait for somebody.
fn may_wait(kind: DescriptorType) -> bool {
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
                // Removed since the directory was read, or a name that is not Unicode: each is one entry's trouble.
                Err(ErrorCode::NoEntry | ErrorCode::IllegalByteSequence) => {}
                Err(code) => return Some(Err(code)),
            }
        }
    }
}

/// When a file was modified, and to the nanosecond what tells it from another one that takes its place.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Stamps {
    /// When it was last modified.
    pub modified: Instant,
    all: [Option<(u64, u32)>; 2],
}

/// An open file.
pub struct File(Descriptor);

impl File {
    /// Read a session's file: as much as its head says it has, or as there is.
    pub fn contents(&self) -> Io<Vec<u8>> {
        let mut bytes = Vec::new();
        let mut wanted = FIRST_READ;
        let mut sized = false;
        while bytes.len() < wanted {
            let most = (wanted - bytes.len()).min(MOST_READ);
            let (more, end) = again(|| self.0.read(most as u64, bytes.len() as u64))?;
            let got = more.len();
            if bytes.is_empty() {
                bytes = more;
            } else {
                bytes.extend_from_slice(&more);
            }
            if !sized && bytes.len() >= SECTOR {
                sized = true;
                // A head that is not ours: what was read is enough to say so.
                wanted = Head::parse(&bytes).map_or(bytes.len(), |head| head.file_len());
                if wanted > bytes.len() {
                    // A head may promise more than there is; there is memory for what is there.
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

    /// Write all of it at an offset.
    pub fn write(&self, mut bytes: &[u8], mut at: u64) -> Io<()> {
        while !bytes.is_empty() {
            let written = again(|| self.0.write(bytes, at))?;
            if written == 0 {
                return Err(ErrorCode::Io);
            }
            bytes = bytes.get(written as usize..).ok_or(ErrorCode::Io)?;
            at += written;
        }
        Ok(())
    }

    /// Put the file's data on the disk. Never call it again after it failed: the pages count as clean by then.
    pub fn sync(&self) -> Io<()> {
        self.0.sync_data()
    }

    fn size(&self) -> Io<usize> {
        Ok(usize::try_from(again(|| self.0.stat())?.size).unwrap_or(usize::MAX))
    }

    /// When the file was last modified, by a write or by `set_modified`.
    pub fn modified(&self) -> Io<Instant> {
        let stat: DescriptorStat = again(|| self.0.stat())?;
        Ok(stat.data_modification_timestamp.map_or(0, |stamp| milliseconds(&stamp)))
    }

    /// Whether it is a regular file.
    pub fn is_regular(&self) -> Io<bool> {
        Ok(self.0.get_type()? == DescriptorType::RegularFile)
    }

    /// Set when the file was last modified.
    pub fn set_modified(&self, now: Instant) -> Io<()> {
        let stamp = Datetime { seconds: now / 1000, nanoseconds: (now % 1000) as u32 * 1_000_000 };
        self.0.set_times(NewTimestamp::NoChange, NewTimestamp::Timestamp(stamp))
    }
}

fn milliseconds(stamp: &Datetime) -> Instant {
    stamp.seconds.saturating_mul(1000).saturating_add(u64::from(stamp.nanoseconds) / 1_000_000)
}

fn again<T>(mut call: impl FnMut() -> Io<T>) -> Io<T> {
    let mut answer = call();
    for _ in 1..TRIES {
        if !matches!(answer, Err(ErrorCode::Interrupted)) {
            break;
        }
        answer = call();
    }
    answer
}

/// Say what failed and what can be done: for `map_err(failed("load the session"))`.
pub fn failed(doing: &str) -> impl FnOnce(ErrorCode) -> Error {
    move |code| error(doing, code)
}

fn error(doing: &str, code: ErrorCode) -> Error {
    let text = |why: &str| format!("cannot {doing}: {why}");
    match code {
        ErrorCode::InsufficientSpace => Error::NoSpace(text("the disk is full; free some space")),
        ErrorCode::Quota => Error::NoSpace(text("the disk quota is used up")),
        ErrorCode::FileTooLarge => Error::NoSpace(text("the file would exceed the size limit of the process or disk")),
        ErrorCode::ReadOnly => Error::AccessDenied(text("the file system is read-only")),
        ErrorCode::Access | ErrorCode::NotPermitted => Error::AccessDenied(text(
            "permission denied; the host must preopen the directory for writing, as its owner",
        )),
        ErrorCode::Loop => Error::Corrupt(text("a symbolic link is in its place; remove it")),
        // Hosts answer `bad-descriptor` to a read from a directory.
        ErrorCode::IsDirectory | ErrorCode::BadDescriptor => {
            Error::Corrupt(text("a directory is in its place; remove it"))
        }
        ErrorCode::InvalidSeek | ErrorCode::Pipe => {
            Error::Corrupt(text("what is in its place is not a file; remove it"))
        }
        ErrorCode::InsufficientMemory => Error::Other(text("it takes more memory than the instance may have")),
        ErrorCode::NotDirectory => Error::Corrupt(text("a file is where a directory should be; remove it")),
        code => Error::Io(text(code.message())),
    }
}

/// The result of a write that may have taken effect all the same.
pub fn unknown(doing: &str) -> impl FnOnce(ErrorCode) -> Error {
    move |code| {
        Error::OutcomeUnknown(format!(
            "cannot {doing}: {}; it may have been done all the same: load the session to see",
            code.message()
        ))
    }
}

/// The result of a change in one call. What the host refuses has not been done; what failed in the medium may have.
pub fn changed(result: Io<()>, doing: &str) -> Result<()> {
    result.map_err(|code| if code == ErrorCode::Io { unknown(doing)(code) } else { error(doing, code) })
}

/// What a result means for the caller who only needs it done.
pub fn done<T>(result: Io<T>, doing: &str) -> Result<T> {
    result.map_err(failed(doing))
}
