//! The contract of a store: the trait [`Store`] is `session-store` of `wit/session-store.wit` in Rust, with the same
//! operations under short names.
//!
//! Whoever keeps sessions somewhere else implements [`Store`], [`Guard`] and [`Cursor`] and nothing more. Everybody calls
//! a store through [`Checked`], which refuses what is outside the limits: an implementation sees valid arguments only, and
//! draws no ids.
//!
//! For all operations:
//!
//! - A load answers one complete record and never waits for a save. Saves, renames and deletes of one session wait for
//!   each other, at most as long as [`Options::lock_wait`] ([`Busy`](Error::Busy)).
//! - "Not found" is an answer and no error. An expired session is as absent as a deleted one.
//! - An error leaves the session as it was, except [`OutcomeUnknown`](Error::OutcomeUnknown).

use alloc::string::String;
use alloc::vec::Vec;

#[cfg(doc)]
use crate::Error;
use crate::SessionId;
pub use crate::checked::Checked;
use crate::error::Result;

/// Milliseconds since 1970-01-01T00:00:00Z.
pub type Instant = u64;

/// A length of time in milliseconds.
pub type Milliseconds = u64;

/// Most bytes of data of one session, whatever a client's own limit: 16 MiB.
pub const MAX_DATA: u32 = 16 << 20;

/// Longest owner in bytes.
pub const MAX_OWNER: usize = 256;

/// Most sessions on a page.
pub const MAX_PAGE: u32 = 1000;

/// How to open a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Set the store up when there is none.
    pub create: bool,
    /// What an acknowledged save survives.
    pub durability: Durability,
    /// Most bytes of data that this client stores in a session, at most [`MAX_DATA`].
    pub size_limit: u32,
    /// How long an operation waits for a session's lock.
    pub lock_wait: Milliseconds,
}

impl Default for Options {
    fn default() -> Self {
        Self { create: false, durability: Durability::Relaxed, size_limit: 1 << 20, lock_wait: 5_000 }
    }
}

/// What an acknowledged save survives. Names are durable always: a created, renamed or deleted session stays so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// The death of the instance, its process and its host.
    Relaxed,
    /// A power cut as well.
    Durable,
}

/// How a guard excludes others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LockMode {
    /// Any number of shared guards at once, no exclusive one.
    Shared,
    /// Alone.
    Exclusive,
}

/// What a client stores.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contents {
    /// Anything, within the size limit.
    pub data: Vec<u8>,
    /// Whose session it is: 1 to [`MAX_OWNER`] bytes.
    pub owner: Option<String>,
    /// Expires when unused for this long.
    pub idle_timeout: Option<Milliseconds>,
    /// Expires at this moment.
    pub deadline: Option<Instant>,
}

/// A session as one load found it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its name.
    pub id: SessionId,
    /// 1 at creation, one more at each save.
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

/// A session without its data: the fields of its [`Record`], and how long the data is.
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
    /// Without the data.
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
    /// Sessions that cannot be read; a load of each says why.
    pub unreadable: Vec<SessionId>,
}

/// What one step of garbage collection did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GarbageReport {
    /// Records looked at.
    pub examined: u32,
    /// Expired records deleted.
    pub expired: u32,
    /// What killed instances had left, deleted.
    pub abandoned: u32,
    /// Sessions entered in the index of their owner, where they were missing.
    pub repaired: u32,
    /// Where to go on; none when the whole store has been seen.
    pub resume: Option<String>,
}

/// How much a store holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Sessions, expired ones that nobody has collected yet included.
    pub sessions: u64,
    /// Bytes of the medium.
    pub bytes: u64,
}

/// A place where sessions are kept. Clones are handles to the same place.
pub trait Store: Clone + 'static {
    /// A session, locked.
    type Guard: Guard;
    /// A listing under way.
    type Cursor: Cursor;

    /// Open the store at a location: `.`, or a path without `..`, empty parts or a leading `/`.
    /// [`NoSuchStore`](Error::NoSuchStore) when there is none and [`Options::create`] is not set.
    fn open(location: &str, options: Options) -> Result<Self>;

    /// Set up a new store and open it. [`AlreadyExists`](Error::AlreadyExists) when the location has one.
    fn setup(location: &str, options: Options) -> Result<Self>;

    /// Store a new session. [`AlreadyExists`](Error::AlreadyExists) when the id is taken: no session is ever replaced. An
    /// expired one does not take its id.
    fn create(&self, id: &SessionId, contents: Contents) -> Result<Info>;

    /// The newest complete record or, while a save is under way, the one before it; none when absent or expired. A session
    /// that was seen to be expired stays so when the clock is stepped back.
    fn load(&self, id: &SessionId) -> Result<Option<Record>>;

    /// Replace the contents and return the new version; with `expected`, only if that is the version now
    /// ([`Conflict`](Error::Conflict)). The comparison and the write are one step to all others. Never creates
    /// ([`Gone`](Error::Gone)).
    fn save(&self, id: &SessionId, contents: Contents, expected: Option<u64>) -> Result<u64>;

    /// Note that the session is in use; data and version stay as they are. [`Gone`](Error::Gone) when there is none. May be
    /// lost in a power cut.
    fn touch(&self, id: &SessionId) -> Result<()>;

    /// Delete a session; says whether there was one.
    fn delete(&self, id: &SessionId) -> Result<bool>;

    /// Whether a load would find the session.
    fn has(&self, id: &SessionId) -> Result<bool>;

    /// Give a session a new id at once, with data, version and deadlines; the old id is dead.
    /// [`AlreadyExists`](Error::AlreadyExists) when the new id is taken, the old one included; [`Gone`](Error::Gone) when
    /// there is no such session.
    fn rename(&self, id: &SessionId, new_id: &SessionId) -> Result<()>;

    /// Lock a session, which need not exist. Waits `wait`, or [`Options::lock_wait`] when none is given; 0 only tries.
    /// [`Deadlock`](Error::Deadlock) where waiting would never end. The lock ends with the guard, and with the instance,
    /// however that ends.
    fn lock(&self, id: &SessionId, mode: LockMode, wait: Option<Milliseconds>) -> Result<Self::Guard>;

    /// Delete every session whose last activity is at least this many minutes ago; says how many were deleted and how many
    /// remain.
    fn delete_old(&self, minutes: u32) -> Result<(u64, u64)>;

    /// Delete what is dead: expired sessions, and what killed instances left. Stops after about `budget` records (at least
    /// 1), and goes on where the report of an earlier step says. What others hold is left for the next round, and so is
    /// what cannot be read.
    fn collect_garbage(&self, budget: u32, resume: Option<&str>) -> Result<GarbageReport>;

    /// List all sessions, from the first or from behind an id, which need not exist. The order is stable, and no session
    /// that exists all the while is left out or seen twice.
    fn sessions(&self, after: Option<&SessionId>) -> Result<Self::Cursor>;

    /// List an owner's sessions as they are now, oldest first. One that has ended by the time of its page, has another owner
    /// by then or cannot be read is left out.
    fn sessions_of(&self, owner: &str) -> Result<Self::Cursor>;

    /// The ids of an owner's sessions, oldest first. For a store that knows them without making pages.
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

    /// How many sessions an owner has, without reading them: perhaps some too many, never one too few.
    fn count_of(&self, owner: &str) -> Result<u64>;

    /// Delete an owner's sessions; says how many there were. One that gets a new id meanwhile does not escape. On an error
    /// some may be deleted already.
    fn delete_of(&self, owner: &str) -> Result<u64>;

    /// How much the store holds; of a large store, about.
    fn usage(&self) -> Result<Usage>;

    /// Whether instances in several processes on this machine may use the store at once.
    fn is_multiprocess_safe(&self) -> bool;

    /// Whether several instances in this process may use the store at once.
    fn is_thread_safe(&self) -> bool;
}

/// A session, locked until this is dropped. Through a shared guard everything but a load is
/// [`AccessDenied`](Error::AccessDenied).
pub trait Guard: 'static {
    /// See [`Store::load`].
    fn load(&mut self) -> Result<Option<Record>>;

    /// See [`Store::save`].
    fn save(&mut self, contents: Contents, expected: Option<u64>) -> Result<u64>;

    /// See [`Store::delete`].
    fn delete(&mut self) -> Result<bool>;

    /// See [`Store::rename`]. The guard goes on guarding the session under its new id, and the old id as well.
    fn rename(&mut self, new_id: &SessionId) -> Result<()>;
}

/// A listing under way. It holds a page at a time; one of an owner's sessions holds their ids as well.
pub trait Cursor: 'static {
    /// The next page: at most `limit` sessions (1 to [`MAX_PAGE`]). An empty one is the end.
    fn next_page(&mut self, limit: u32) -> Result<Page>;
}
