//! Files and directories in memory: the cache, which programs see, and the medium. They differ by a list of pending
//! changes, in the order in which they were made.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use wasmtime_wasi::p2::bindings::sync::filesystem::types::ErrorCode;

/// The result of a file operation.
pub type Io<T> = Result<T, ErrorCode>;

/// The unit of atomic writes to the medium, in bytes.
pub const SECTOR: usize = 512;

/// Identifies a file or directory, independent of its names.
pub type Inode = usize;

/// The directory that the component sees.
pub const ROOT: Inode = 0;

/// A file or a directory.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Node {
    /// Its bytes, and when it was last modified, in milliseconds since 1970.
    File {
        /// The bytes.
        data: Vec<u8>,
        /// The time stamp.
        modified: u64,
    },
    /// Its entries by name.
    Directory(BTreeMap<String, Inode>),
}

/// A file tree: the cache or the medium.
#[derive(Clone, Debug)]
pub struct Tree(Vec<Arc<Node>>);

/// A change that may not be on the medium yet.
#[derive(Clone, Debug, Hash)]
pub struct Pending {
    /// The change.
    pub change: Change,
    /// A sync of it has failed. Its pages have been clean since, so no later sync writes them.
    pub forgotten: bool,
}

/// The change made by one operation.
#[derive(Clone, Debug, Hash)]
pub enum Change {
    /// Bytes of a file at an offset.
    Write(Inode, usize, Arc<[u8]>),
    /// The time stamp of a file.
    Stamp(Inode, u64),
    /// A name is created, with a new inode.
    Enter(Inode, String, Inode),
    /// A name is removed.
    Remove(Inode, String),
    /// A name moves from one directory and name to another, replacing the target. Atomic, as on every journaling file
    /// system.
    Rename(Inode, String, Inode, String),
}

/// A disk with its cache.
#[derive(Clone, Debug)]
pub struct Disk {
    cache: Tree,
    medium: Tree,
    pending: Vec<Pending>,
    /// Removed directories that may still be open.
    removed: BTreeSet<Inode>,
}

impl Tree {
    fn new() -> Self {
        Self(vec![Arc::new(Node::Directory(BTreeMap::new()))])
    }

    /// The inode of a path below a directory.
    pub fn find(&self, from: Inode, path: &str) -> Io<Inode> {
        let parts = path.split('/').filter(|part| *part != ".");
        parts.into_iter().try_fold(from, |at, part| self.entries(at)?.get(part).copied().ok_or(ErrorCode::NoEntry))
    }

    /// A file's bytes and time stamp.
    pub fn file(&self, inode: Inode) -> Io<(&[u8], u64)> {
        match &*self.0[inode] {
            Node::File { data, modified } => Ok((data, *modified)),
            Node::Directory(_) => Err(ErrorCode::IsDirectory),
        }
    }

    /// A directory's entries.
    pub fn entries(&self, inode: Inode) -> Io<&BTreeMap<String, Inode>> {
        match &*self.0[inode] {
            Node::Directory(entries) => Ok(entries),
            Node::File { .. } => Err(ErrorCode::NotDirectory),
        }
    }

    /// Whether it is a directory.
    pub fn is_directory(&self, inode: Inode) -> bool {
        matches!(*self.0[inode], Node::Directory(_))
    }

    fn has_name(&self, inode: Inode) -> bool {
        let mut directories = self.0.iter().filter_map(|node| match &**node {
            Node::Directory(entries) => Some(entries),
            Node::File { .. } => None,
        });
        directories.any(|entries| entries.values().any(|named| *named == inode))
    }

    /// Every file with its path, in order.
    pub fn files(&self) -> Vec<(String, Inode)> {
        let mut files = Vec::new();
        self.walk(ROOT, "", &mut files);
        files
    }

    fn walk(&self, at: Inode, prefix: &str, files: &mut Vec<(String, Inode)>) {
        let Node::Directory(entries) = &*self.0[at] else { return };
        for (name, inode) in entries {
            let path = format!("{prefix}{name}");
            if self.is_directory(*inode) {
                self.walk(*inode, &format!("{path}/"), files);
            } else {
                files.push((path, *inode));
            }
        }
    }

    fn entries_mut(&mut self, inode: Inode) -> Option<&mut BTreeMap<String, Inode>> {
        match Arc::make_mut(&mut self.0[inode]) {
            Node::Directory(entries) => Some(entries),
            Node::File { .. } => None,
        }
    }

    fn file_mut(&mut self, inode: Inode) -> Option<(&mut Vec<u8>, &mut u64)> {
        match Arc::make_mut(&mut self.0[inode]) {
            Node::File { data, modified } => Some((data, modified)),
            Node::Directory(_) => None,
        }
    }

    /// Truncates a file, or extends it with zeros.
    pub fn resize(&mut self, inode: Inode, length: usize) {
        if let Some((data, _)) = self.file_mut(inode) {
            data.resize(length, 0);
        }
    }

    /// Applies a change. Has no effect if it depends on a change that was not applied.
    pub fn apply(&mut self, change: &Change) {
        match change {
            Change::Write(inode, at, bytes) => {
                let Some((data, _)) = self.file_mut(*inode) else { return };
                data.resize(data.len().max(at + bytes.len()), 0);
                data[*at..at + bytes.len()].copy_from_slice(bytes);
            }
            Change::Stamp(inode, stamp) => {
                if let Some((_, modified)) = self.file_mut(*inode) {
                    *modified = *stamp;
                }
            }
            Change::Enter(directory, name, inode) => {
                if let Some(entries) = self.entries_mut(*directory) {
                    entries.insert(name.clone(), *inode);
                }
            }
            Change::Remove(directory, name) => {
                if let Some(entries) = self.entries_mut(*directory) {
                    entries.remove(name);
                }
            }
            Change::Rename(from, old, to, new) => {
                let moved = self.entries_mut(*from).and_then(|entries| entries.remove(old));
                if let (Some(moved), Some(entries)) = (moved, self.entries_mut(*to)) {
                    entries.insert(new.clone(), moved);
                }
            }
        }
    }
}

/// Trees are equal if the same paths have the same contents; inodes without a name do not count.
impl Hash for Tree {
    fn hash<H: Hasher>(&self, state: &mut H) {
        hash_below(self, ROOT, state);
    }
}

fn hash_below<H: Hasher>(tree: &Tree, at: Inode, state: &mut H) {
    match &*tree.0[at] {
        Node::Directory(entries) => {
            for (name, inode) in entries {
                name.hash(state);
                hash_below(tree, *inode, state);
            }
            state.write_u8(0xff);
        }
        file => file.hash(state),
    }
}

/// Compares the cache, the medium and the pending changes.
impl Hash for Disk {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (&self.cache, &self.medium, &self.pending).hash(state);
    }
}

impl Default for Disk {
    fn default() -> Self {
        Self { cache: Tree::new(), medium: Tree::new(), pending: Vec::new(), removed: BTreeSet::new() }
    }
}

impl Disk {
    /// Creates a disk as after a boot: all of it is on the medium.
    pub fn started(medium: Tree) -> Self {
        Self { cache: medium.clone(), medium, ..Self::default() }
    }

    /// The tree that programs see.
    pub fn cache(&self) -> &Tree {
        &self.cache
    }

    /// The tree that is certainly on the medium.
    pub fn medium(&self) -> &Tree {
        &self.medium
    }

    /// The changes that may or may not be on the medium.
    pub fn pending(&self) -> &[Pending] {
        &self.pending
    }

    fn change(&mut self, change: Change) {
        self.cache.apply(&change);
        self.pending.push(Pending { change, forgotten: false });
    }

    fn add(&mut self, node: Node) -> Inode {
        let node = Arc::new(node);
        // On both sides: an inode without a name does not count.
        self.medium.0.push(node.clone());
        self.cache.0.push(node);
        self.cache.0.len() - 1
    }

    fn parent<'p>(&self, from: Inode, path: &'p str) -> Io<(Inode, &'p str)> {
        let (parent, name) = path.rsplit_once('/').unwrap_or((".", path));
        Ok((self.cache.find(from, parent)?, name))
    }

    fn make(&mut self, from: Inode, path: &str, node: Node) -> Io<Inode> {
        let (parent, name) = self.parent(from, path)?;
        if self.removed.contains(&parent) {
            return Err(ErrorCode::NoEntry);
        }
        if self.cache.entries(parent)?.contains_key(name) {
            return Err(ErrorCode::Exist);
        }
        let inode = self.add(node);
        self.change(Change::Enter(parent, name.into(), inode));
        Ok(inode)
    }

    /// Creates an empty file, which must not exist.
    pub fn create(&mut self, from: Inode, path: &str, now: u64) -> Io<Inode> {
        self.make(from, path, Node::File { data: Vec::new(), modified: now })
    }

    /// Creates a directory, which must not exist.
    pub fn make_directory(&mut self, from: Inode, path: &str) -> Io<()> {
        self.make(from, path, Node::Directory(BTreeMap::new())).map(drop)
    }

    /// Writes at an offset.
    pub fn write(&mut self, inode: Inode, at: usize, bytes: &[u8], now: u64) -> Io<()> {
        self.cache.file(inode)?;
        self.change(Change::Write(inode, at, bytes.into()));
        self.change(Change::Stamp(inode, now));
        Ok(())
    }

    /// Sets the modification time.
    pub fn stamp(&mut self, inode: Inode, modified: u64) -> Io<()> {
        self.cache.file(inode)?;
        self.change(Change::Stamp(inode, modified));
        Ok(())
    }

    /// Renames a file, replacing a file at the new path.
    pub fn rename(&mut self, from: Inode, old: &str, to: Inode, new: &str) -> Io<()> {
        self.cache.find(from, old)?;
        let ((from, old), (to, new)) = (self.parent(from, old)?, self.parent(to, new)?);
        if let Some(replaced) = self.cache.entries(to)?.get(new)
            && self.cache.is_directory(*replaced)
        {
            return Err(ErrorCode::IsDirectory);
        }
        self.change(Change::Rename(from, old.into(), to, new.into()));
        Ok(())
    }

    /// Removes a file's name.
    pub fn unlink(&mut self, from: Inode, path: &str) -> Io<()> {
        if self.cache.is_directory(self.cache.find(from, path)?) {
            return Err(ErrorCode::IsDirectory);
        }
        let (parent, name) = self.parent(from, path)?;
        self.change(Change::Remove(parent, name.into()));
        Ok(())
    }

    /// Removes an empty directory.
    pub fn remove_directory(&mut self, from: Inode, path: &str) -> Io<()> {
        let directory = self.cache.find(from, path)?;
        if !self.cache.entries(directory)?.is_empty() {
            return Err(ErrorCode::NotEmpty);
        }
        self.removed.insert(directory);
        let (parent, name) = self.parent(from, path)?;
        self.change(Change::Remove(parent, name.into()));
        Ok(())
    }

    /// Writes a file's data, or a directory's entries, to the medium, except changes that an earlier sync failed to
    /// write.
    pub fn sync(&mut self, inode: Inode) {
        let mut synced = vec![inode];
        let mut due: Vec<bool> = Vec::with_capacity(self.pending.len());
        for pending in self.pending.iter().rev() {
            let is_due = !pending.forgotten && synced.iter().any(|inode| concerns(&pending.change, *inode));
            // A renamed entry reaches the medium with the changes it depends on.
            if let (true, Change::Rename(from, ..)) = (is_due, &pending.change) {
                synced.push(*from);
            }
            due.push(is_due);
        }
        let medium = &mut self.medium;
        self.pending.retain(|pending| {
            let is_due = due.pop() == Some(true);
            if is_due {
                medium.apply(&pending.change);
            }
            !is_due
        });
    }

    /// A failed sync: the pages are clean afterwards, on the medium or not.
    pub fn forget(&mut self, inode: Inode) {
        for pending in &mut self.pending {
            pending.forgotten |= concerns(&pending.change, inode);
        }
    }

    /// Evicts the pages of a file or directory that a failed sync marked clean: programs see what is on the medium. A
    /// directory whose removal is lost exists again.
    pub fn evict(&mut self, inode: Inode) {
        self.pending.retain(|pending| !(pending.forgotten && concerns(&pending.change, inode)));
        self.cache = self.medium.clone();
        for pending in &self.pending {
            self.cache.apply(&pending.change);
        }
        let cache = &self.cache;
        self.removed.retain(|directory| !cache.has_name(*directory));
    }
}

/// Whether a data sync of this inode writes the change to the medium. A time stamp is not data.
fn concerns(change: &Change, synced: Inode) -> bool {
    match change {
        Change::Write(inode, ..) | Change::Enter(inode, ..) | Change::Remove(inode, ..) => *inode == synced,
        Change::Rename(from, _, to, _) => *from == synced || *to == synced,
        Change::Stamp(..) => false,
    }
}
