//! The directory of lock files: the only module that calls `wasi:filesystem`.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use wasi::filesystem::preopens::get_directories;
pub use wasi::filesystem::types::ErrorCode;
use wasi::filesystem::types::{Descriptor, DescriptorFlags, MetadataHashValue, NewTimestamp, OpenFlags, PathFlags};

use crate::clock::{Milliseconds, now};
use crate::files::{Files, Lease};

/// How long a holder has a lock. The instance must have ended by then.
pub const LEASE: Milliseconds = 120_000;

/// How much longer other callers stay away: for a last write begun within the lease, and for clocks that stamp files
/// slightly late.
const MARGIN: Milliseconds = 10_000;

const NAME: &str = "locks";

/// The lock file of the command `session3`, which locks by other means.
const OTHER_LOCKS: &str = "session3.lock";

/// The open directory of lock files.
pub struct Directory {
    locks: Descriptor,
    /// Its parent.
    base: Descriptor,
}

/// Why the directory could not be opened.
pub enum OpenError {
    /// The host preopens nothing.
    NoPreopen,
    /// Another lock provider is in use there.
    OtherLocks,
    /// The file system failed.
    Failed(ErrorCode),
}

impl From<ErrorCode> for OpenError {
    fn from(code: ErrorCode) -> Self {
        Self::Failed(code)
    }
}

impl Directory {
    /// Opens the directory, creating it if missing.
    pub fn open() -> Result<Self, OpenError> {
        let preopens = get_directories();
        let named = preopens.iter().find(|(_, name)| name.trim_matches('/') == NAME);
        let (preopen, _) = named.or(preopens.first()).ok_or(OpenError::NoPreopen)?;
        // Some hosts treat the preopened descriptor itself specially.
        let base = open_directory(preopen, ".")?;
        match open_directory(&base, NAME) {
            Err(ErrorCode::NoEntry) => {}
            opened => return Ok(Self { locks: opened?, base }),
        }
        // Created first, then checked: session3 uses the same order, so one of the two sees the other.
        make_directory(&base, NAME)?;
        if base.stat_at(PathFlags::empty(), OTHER_LOCKS).is_ok() {
            base.remove_directory_at(NAME)?;
            return Err(OpenError::OtherLocks);
        }
        Ok(Self { locks: open_directory(&base, NAME)?, base })
    }

    /// Whether its name still leads to it. If it was removed or replaced, other callers no longer see its files.
    pub fn is_in_place(&self) -> bool {
        is_same(self.locks.metadata_hash(), self.base.metadata_hash_at(PathFlags::empty(), NAME))
    }

    /// Whether other callers now see this file.
    pub fn shows(&self, path: &str) -> bool {
        let here = self.locks.metadata_hash_at(PathFlags::empty(), path);
        is_same(here, self.base.metadata_hash_at(PathFlags::empty(), &format!("{NAME}/{path}")))
    }
}

/// Assumed true on hosts that cannot tell.
fn is_same(one: Result<MetadataHashValue, ErrorCode>, other: Result<MetadataHashValue, ErrorCode>) -> bool {
    match (one, other) {
        (Ok(one), Ok(other)) => (one.upper, one.lower) == (other.upper, other.lower),
        (Err(ErrorCode::NoEntry), _) | (_, Err(ErrorCode::NoEntry)) => false,
        _ => true,
    }
}

impl Files for Directory {
    type Error = ErrorCode;

    fn create(&self, path: &str) -> Result<bool, ErrorCode> {
        let new = OpenFlags::CREATE | OpenFlags::EXCLUSIVE;
        match self.locks.open_at(PathFlags::empty(), path, new, DescriptorFlags::WRITE) {
            Ok(_) => Ok(true),
            Err(ErrorCode::Exist | ErrorCode::NoEntry) => Ok(false),
            Err(code) => Err(code),
        }
    }

    fn lease(&self, path: &str) -> Result<Option<Lease>, ErrorCode> {
        let stat = match self.locks.stat_at(PathFlags::empty(), path) {
            Ok(stat) => stat,
            Err(ErrorCode::NoEntry) => return Ok(None),
            Err(code) => return Err(code),
        };
        // Without a stamp the age is unknown.
        let stamp = stat.data_modification_timestamp.ok_or(ErrorCode::Unsupported)?;
        let age = now().saturating_sub(crate::clock::milliseconds(&stamp));
        Ok(Some(if age > LEASE + MARGIN { Lease::Over } else { Lease::Running }))
    }

    fn renew(&self, path: &str) -> Result<(), ErrorCode> {
        self.locks.set_times_at(PathFlags::empty(), path, NewTimestamp::NoChange, NewTimestamp::Now)
    }

    fn remove(&self, path: &str) -> Result<(), ErrorCode> {
        match self.locks.unlink_file_at(path) {
            Ok(()) | Err(ErrorCode::NoEntry) => Ok(()),
            Err(code) => Err(code),
        }
    }

    fn make_directory(&self, path: &str) -> Result<(), ErrorCode> {
        make_directory(&self.locks, path)
    }

    fn names(&self, path: &str) -> Result<Option<Vec<String>>, ErrorCode> {
        let directory = match open_directory(&self.locks, path) {
            Ok(directory) => directory,
            Err(ErrorCode::NoEntry) => return Ok(None),
            Err(code) => return Err(code),
        };
        let entries = directory.read_directory()?;
        let mut names = Vec::new();
        loop {
            match entries.read_directory_entry() {
                Ok(Some(entry)) => names.push(entry.name),
                Ok(None) => return Ok(Some(names)),
                // Removed since the directory was read, or not a lock file.
                Err(ErrorCode::NoEntry | ErrorCode::IllegalByteSequence) => {}
                Err(code) => return Err(code),
            }
        }
    }

    fn remove_directory(&self, path: &str) -> Result<(), ErrorCode> {
        match self.locks.remove_directory_at(path) {
            Ok(()) | Err(ErrorCode::NoEntry | ErrorCode::NotEmpty | ErrorCode::Exist) => Ok(()),
            Err(code) => Err(code),
        }
    }
}

/// Opens a directory for changes or, where the host does not support that, for reading.
fn open_directory(base: &Descriptor, path: &str) -> Result<Descriptor, ErrorCode> {
    let open = |flags| base.open_at(PathFlags::empty(), path, OpenFlags::DIRECTORY, flags);
    match open(DescriptorFlags::READ | DescriptorFlags::MUTATE_DIRECTORY) {
        Err(ErrorCode::Unsupported) => open(DescriptorFlags::READ),
        opened => opened,
    }
}

fn make_directory(base: &Descriptor, path: &str) -> Result<(), ErrorCode> {
    match base.create_directory_at(path) {
        Ok(()) | Err(ErrorCode::Exist) => Ok(()),
        Err(code) => Err(code),
    }
}
