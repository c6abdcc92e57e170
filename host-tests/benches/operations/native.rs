//! The minimal native equivalent of each operation: the same sizes, in the same directory.

use std::fs::{self, File};
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use host_tests::tree::session_file;
use nix::fcntl::{OFlag, openat, renameat};
use nix::sys::stat::{Mode, UtimensatFlags, utimensat};
use nix::sys::time::TimeSpec;
use nix::unistd::{UnlinkatFlags, unlinkat};

use crate::Operation;
use crate::component::{Component, ID};

/// The file offset of a save: after the head and one slot.
const SLOT: u64 = 512 + 1536;
/// The size of a save: a record's header and 1 KiB of data.
const RECORD: usize = 56 + 1024;

/// Files like the component's, and their directory.
pub struct Native {
    root: OwnedFd,
    shard: PathBuf,
    loaded: PathBuf,
    saved: PathBuf,
    bytes: Vec<u8>,
    made: u64,
}

impl Native {
    pub fn new(component: &Component) -> Self {
        let session = session_file(component.path(), ID);
        let saved = session.with_file_name("native~0");
        fs::copy(&session, &saved).unwrap();
        let below = |path: &Path| path.strip_prefix(component.path()).unwrap().to_owned();
        Self {
            root: File::open(component.path()).unwrap().into(),
            shard: below(session.parent().unwrap()),
            bytes: fs::read(&session).unwrap(),
            loaded: below(&session),
            saved: below(&saved),
            made: 0,
        }
    }

    /// Performs an operation once. Its setup is not timed.
    pub fn time(&mut self, operation: Operation) -> Duration {
        self.made += 1;
        let name = self.shard.join(format!("native~{}", self.made));
        if let Operation::Delete = operation {
            self.create(&name);
        }
        let start = Instant::now();
        match operation {
            Operation::Load => self.load(),
            Operation::SaveRelaxed => drop(self.save()),
            Operation::SaveDurable => self.save().sync_data().unwrap(),
            Operation::Touch => self.touch(),
            Operation::Create => self.create(&name),
            Operation::Delete => self.delete(&name),
        }
        start.elapsed()
    }

    fn open(&self, path: &Path, flags: OFlag) -> File {
        let mode = Mode::from_bits_truncate(0o600);
        openat(&self.root, path, flags | OFlag::O_CLOEXEC | OFlag::O_NOFOLLOW, mode).unwrap().into()
    }

    fn load(&self) {
        let mut bytes = vec![0; self.bytes.len()];
        let read = self.open(&self.loaded, OFlag::O_RDONLY).read_at(&mut bytes, 0).unwrap();
        assert_eq!(read, self.bytes.len());
    }

    fn save(&self) -> File {
        let file = self.open(&self.saved, OFlag::O_RDWR);
        assert_eq!(file.write_at(&self.bytes[..RECORD], SLOT).unwrap(), RECORD);
        file
    }

    fn touch(&self) {
        let (now, same) = (TimeSpec::UTIME_NOW, TimeSpec::UTIME_OMIT);
        utimensat(&self.root, &self.saved, &same, &now, UtimensatFlags::NoFollowSymlink).unwrap();
    }

    fn create(&self, name: &Path) {
        let making = name.with_extension("making");
        let file = self.open(&making, OFlag::O_RDWR | OFlag::O_CREAT | OFlag::O_EXCL);
        file.write_at(&self.bytes, 0).unwrap();
        file.sync_data().unwrap();
        renameat(&self.root, &making, &self.root, name).unwrap();
        self.sync_names();
    }

    fn delete(&self, name: &Path) {
        unlinkat(&self.root, name, UnlinkatFlags::NoRemoveDir).unwrap();
        self.sync_names();
    }

    fn sync_names(&self) {
        self.open(&self.shard, OFlag::O_RDONLY | OFlag::O_DIRECTORY).sync_data().unwrap();
    }
}
