//! The store contract: the trait [`Store`] is `session-store` of `wit/session-store.wit` in Rust, with the same
//! operations under short names.
//!
//! A back end implements [`Store`], [`Guard`] and [`Cursor`], nothing more. Callers use a store through [`Checked`],
//! which refuses arguments outside the limits: an implementation sees only valid arguments, and generates no ids.
//!
//! For all operations:
//!
//! - A load returns one complete record and never waits for a save. Saves, renames and deletes of one session wait for
//!   each other, at most [`Options::lock_wait`] ([`Busy`](Error::Busy)).
//! - "Not found" is a result, not an error. An expired session is as absent as a deleted one.
//! - An error leaves the session unchanged, except [`OutcomeUnknown`](Error::OutcomeUnknown).

use alloc::string::String;
use alloc::vec::Vec;

#[cfg(doc)]
use crate::Error;
use crate::SessionId;
pub use crate::checked::Checked;
use crate::error::Result;

/// Milliseconds since 1970-01-01T00:00:00Z.
pub type Instant = u64;

/// A duration in milliseconds.
pub type Milliseconds = u64;

/// Maximum data of one session in bytes, whatever the client's own limit: 16 MiB.
pub const MAX_DATA: u32 = 16 << 20;

/// Maximum length of an owner in bytes.
pub const MAX_OWNER: usize = 256;

/// Maximum number of sessions on a page.
pub const MAX_PAGE: u32 = 1000;

/// How to open a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Set up the store if it is missing.
    pub create: bool,
    /// What an acknowledged save survives.
    pub durability: Durability,
    /// Maximum data that this client stores in a session in bytes, at most [`MAX_DATA`].
    pub size_limit: u32,
    /// How long an operation waits for a session's lock.
    pub lock_wait: Milliseconds,
}

impl Default for Options {
    fn default() -> Self {
        Self { create: false, durability: Durability::Relaxed, size_limit: 1 << 20, lock_wait: 5_000 }
    }
}

/// What an acknowledged save survives. Names are always durable: a create, rename or delete is never undone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// The death of the instance, its process and its host.
    Relaxed,
    /// A power cut as well.
    Durable,
}

/// How a guard excludes other holders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LockMode {
    /// Any number of shared guards, no exclusive guard.
    Shared,
    /// One guard.
    Exclusive,
}

/// What a client stores.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contents {
    /// Opaque bytes, within the size limit.
    pub data: Vec<u8>,
    /// The session's owner: 1 to [`MAX_OWNER`] bytes.
    pub owner: Option<String>,
    /// Expires when unused for this long.
    pub idle_timeout: Option<Milliseconds>,
    /// Expires at this time.
    pub deadline: Option<Instant>,
}

/// A session as one load read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The session's id.
    pub id: SessionId,
    /// 1 at creation, incremented by each save.
    pub version: u64,
    /// When version 1 was written.
    pub created: Instant,
    /// When this version was written.
    pub modified: Instant,
    /// When it was last saved, touched or renamed; never later than now.
    pub last_active: Instant,
    /// What the client stored.
    pub contents: Contents,
}

/// A session without its data: the fields of its [`Record`], and the length of the data.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "`Record` documents them")]
pub struct Info {
    pub id: SessionId,
    pub version: u64,
    pub created: Instant,
    pub modified: Instant,
    pub last_active: Instant,
    pub owner: Option<String>,
    pub idle_timeout: Option<Milliseconds>,
    pub deadline: Option<Instant>,
    /// Length of the data in bytes.
    pub size: u32,
}

impl Record {
    /// Returns the record without its data.
    pub fn info(&self) -> Info {
        Info {
            id: self.id.clone(),
            version: self.version,
            created: self.created,
            modified: self.modified,
            last_active: self.last_active,
            owner: self.contents.owner.clone(),
            idle_timeout: self.contents.idle_timeout,
            deadline: self.contents.deadline,
            size: self.contents.data.len() as u32,
        }
    }
}

/// One page of a listing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// Sessions that have not expired.
    pub sessions: Vec<Info>,
    /// Sessions that cannot be read; loading one returns its error.
    pub unreadable: Vec<SessionId>,
}

/// What one step of garbage collection did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GarbageReport {
    /// Records examined.
    pub examined: u32,
    /// Expired records deleted.
    pub expired: u32,
    /// Leftovers of killed instances deleted.
    pub abandoned: u32,
    /// Sessions added to their owner's index, where the entry was missing.
    pub repaired: u32,
    /// Where to resume; none when the whole store has been examined.
    pub resume: Option<String>,
}

/// The size of a store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Sessions, including expired ones not yet collected.
    pub sessions: u64,
    /// Bytes on the medium.
    pub bytes: u64,
}

/// A session store. Clones are handles to the same store.
pub trait Store: Clone + 'static {
    /// A locked session.
    type Guard: Guard;
    /// An open listing.
    type Cursor: Cursor;

    /// Opens the store at a location: `.`, or a path without `..`, empty components or a leading `/`.
    /// [`NoSuchStore`](Error::NoSuchStore) when it is missing and [`Options::create`] is not set.
    fn open(location: &str, options: Options) -> Result<Self>;

    /// Sets up a new store and opens it. [`AlreadyExists`](Error::AlreadyExists) when the location has one.
    fn setup(location: &str, options: Options) -> Result<Self>;

    /// Creates a session. [`AlreadyExists`](Error::AlreadyExists) when the id is taken: no session is ever replaced. An
    /// expired session does not hold its id.
    fn create(&self, id: &SessionId, contents: Contents) -> Result<Info>;

    /// Returns the newest complete record or, while a save is in flight, its predecessor; none when absent or expired.
    /// A session once seen expired stays expired when the clock is stepped back.
    fn load(&self, id: &SessionId) -> Result<Option<Record>>;

    /// Replaces the contents and returns the new version; with `expected`, only if that is the current version
    /// ([`Conflict`](Error::Conflict)). The compare and the write are atomic. Never creates ([`Gone`](Error::Gone)).
    fn save(&self, id: &SessionId, contents: Contents, expected: Option<u64>) -> Result<u64>;

    /// Marks the session as used; data and version are unchanged. [`Gone`](Error::Gone) when absent. May be lost in a
    /// power cut.
    fn touch(&self, id: &SessionId) -> Result<()>;

    /// Deletes a session and returns whether it existed.
    fn delete(&self, id: &SessionId) -> Result<bool>;

    /// Whether a load would find the session.
    fn has(&self, id: &SessionId) -> Result<bool>;

    /// Atomically gives a session a new id, keeping data, version and deadlines; the old id is dead.
    /// [`AlreadyExists`](Error::AlreadyExists) when the new id is taken, also by the session itself;
    /// [`Gone`](Error::Gone) when the session is absent.
    fn rename(&self, id: &SessionId, new_id: &SessionId) -> Result<()>;

    /// Stores a session that was loaded from another store, with its id, version and times.
    /// [`AlreadyExists`](Error::AlreadyExists) when the id is taken. An expired session is stored, and found expired.
    fn import(&self, record: Record) -> Result<()>;

    /// Locks a session, which need not exist. Waits `wait`, by default [`Options::lock_wait`]; 0 only tries.
    /// [`Deadlock`](Error::Deadlock) when the wait would never end. The lock ends with the guard or the instance,
    /// however that ends.
    fn lock(&self, id: &SessionId, mode: LockMode, wait: Option<Milliseconds>) -> Result<Self::Guard>;

    /// Deletes every session whose last activity is at least this many minutes ago. Returns how many were deleted and
    /// how many remain.
    fn delete_old(&self, minutes: u32) -> Result<(u64, u64)>;

    /// Deletes expired sessions and leftovers of killed instances. Stops after about `budget` records (at least 1), and
    /// resumes where an earlier report says. Skips locked sessions until the next round, and what cannot be read.
    fn collect_garbage(&self, budget: u32, resume: Option<&str>) -> Result<GarbageReport>;

    /// Lists all sessions, from the first or from behind an id, which need not exist. The order is stable, and a
    /// session that exists throughout is listed exactly once.
    fn sessions(&self, after: Option<&SessionId>) -> Result<Self::Cursor>;

    /// Lists an owner's current sessions, oldest first. Leaves out those that by the time of their page have ended,
    /// have another owner or cannot be read.
    fn sessions_of(&self, owner: &str) -> Result<Self::Cursor>;

    /// The ids of an owner's sessions, oldest first. Overridden by stores that need no pages for it.
    fn ids_of(&self, owner: &str) -> Result<Vec<SessionId>> {
        let mut cursor = self.sessions_of(owner)?;
        let mut ids = Vec::new();
        loop {
            let page = cursor.next_page(MAX_PAGE)?;
            if page.sessions.is_empty() && page.unreadable.is_empty() {
                return Ok(ids);
            }
            ids.extend(page.sessions.into_iter().map(|info| info.id));
        }
    }

    /// Counts an owner's sessions without reading them: possibly too high, never too low.
    fn count_of(&self, owner: &str) -> Result<u64>;

    /// Deletes an owner's sessions and returns how many there were. A session renamed meanwhile does not escape. On an
    /// error some may be deleted already.
    fn delete_of(&self, owner: &str) -> Result<u64>;

    /// The size of the store; an estimate if it is large.
    fn usage(&self) -> Result<Usage>;

    /// Whether several processes on this machine may use the store at once.
    fn is_multiprocess_safe(&self) -> bool;

    /// Whether several instances in this process may use the store at once.
    fn is_thread_safe(&self) -> bool;
}

/// A session, locked until the guard is dropped. Through a shared guard everything but a load fails with
/// [`AccessDenied`](Error::AccessDenied).
pub trait Guard: 'static {
    /// See [`Store::load`].
    fn load(&mut self) -> Result<Option<Record>>;

    /// See [`Store::save`].
    fn save(&mut self, contents: Contents, expected: Option<u64>) -> Result<u64>;

    /// See [`Store::delete`].
    fn delete(&mut self) -> Result<bool>;

    /// See [`Store::rename`]. The guard then holds both ids.
    fn rename(&mut self, new_id: &SessionId) -> Result<()>;
}

/// An open listing. Holds one page at a time; for one owner, also the ids of the sessions.
pub trait Cursor: 'static {
    /// Returns the next page: at most `limit` sessions (1 to [`MAX_PAGE`]). An empty page ends the listing.
    fn next_page(&mut self, limit: u32) -> Result<Page>;
}
