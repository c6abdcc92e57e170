//! What the manager needs of a store. `wit/session-store.wit` is the full contract of each operation; here it is
//! in Rust, with the operations the manager uses.

use alloc::string::String;
use alloc::vec::Vec;

use crate::SessionId;
use crate::error::Result;
use crate::events::Events;

/// Milliseconds since 1970-01-01T00:00:00Z.
pub type Instant = u64;

/// A length of time in milliseconds.
pub type Milliseconds = u64;

/// What a client stores.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contents {
    /// Anything, within the store's size limit.
    pub data: Vec<u8>,
    /// Whose session it is: 1 to 256 bytes.
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
    /// When it was last saved or touched.
    pub last_active: Instant,
    /// What the client stored.
    pub contents: Contents,
}

/// How much a store holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Sessions.
    pub sessions: u64,
    /// Bytes of the medium.
    pub bytes: u64,
}

/// All that a manager needs: storage, and somebody to tell.
pub trait Backend: Sessions + Owners + Events {}

impl<S: Sessions + Owners + Events> Backend for S {}

/// A store of sessions.
pub trait Sessions {
    /// Holds a session's exclusive lock until dropped.
    type Guard: SessionGuard;

    /// Store a new session. [`AlreadyExists`](crate::Error::AlreadyExists) when the id is taken.
    fn create(&self, id: &SessionId, contents: Contents) -> Result<Record>;

    /// The newest complete record; none when absent or expired.
    fn load(&self, id: &SessionId) -> Result<Option<Record>>;

    /// Note that the session is in use. [`Gone`](crate::Error::Gone) when there is none.
    fn touch(&self, id: &SessionId) -> Result<()>;

    /// Lock a session exclusively, waiting as long as the store was told to; it need not exist.
    fn lock(&self, id: &SessionId) -> Result<Self::Guard>;

    /// How many there are, about.
    fn usage(&self) -> Result<Usage>;
}

/// The sessions of a store by their owners.
pub trait Owners {
    /// The ids of an owner's sessions, oldest first.
    fn ids_of(&self, owner: &str) -> Result<Vec<SessionId>>;

    /// How many sessions an owner has, without reading them: perhaps one too many, never one too few.
    fn count_of(&self, owner: &str) -> Result<u64>;

    /// Delete every session of an owner; says how many there were.
    fn delete_of(&self, owner: &str) -> Result<u64>;
}

/// A session, locked exclusively. Dropping the guard unlocks it.
pub trait SessionGuard {
    /// The newest record; none when absent or expired.
    fn load(&mut self) -> Result<Option<Record>>;

    /// Replace the contents; with `expected`, only if that is still the version
    /// ([`Conflict`](crate::Error::Conflict)). Returns the new version. Never creates ([`Gone`](crate::Error::Gone)).
    fn save(&mut self, contents: &Contents, expected: Option<u64>) -> Result<u64>;

    /// Delete it; says whether there was one.
    fn delete(&mut self) -> Result<bool>;

    /// Same data under a new id, the old id dead. The guard goes on guarding it under the new id, and
    /// the old id as well.
    fn rename(&mut self, new_id: &SessionId) -> Result<()>;
}
