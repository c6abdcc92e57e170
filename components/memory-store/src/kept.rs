//! One session, and when it is over.

use alloc::string::ToString;

use session_core::record::Version;
use session_core::{SessionId, expiry};

use crate::bindings::wit::{Contents, Instant, Session, SessionInfo};

/// A session as it is kept.
pub struct Kept {
    /// 1 at creation, one more at each save.
    pub version: u64,
    /// When version 1 was written.
    pub created: Instant,
    /// When this version was written.
    pub modified: Instant,
    /// When it was last saved, touched or renamed.
    pub touched: Instant,
    /// What the client stored.
    pub contents: Contents,
}

impl Kept {
    /// A new session.
    pub fn new(contents: Contents, now: Instant) -> Self {
        Self { version: 1, created: now, modified: now, touched: now, contents }
    }

    /// The next version.
    pub fn save(&mut self, contents: Contents, now: Instant) -> u64 {
        *self = Self { version: self.version + 1, created: self.created, modified: now, touched: now, contents };
        self.version
    }

    /// Whether it has expired.
    pub fn is_over(&self, now: Instant) -> bool {
        expiry::expired(&self.dates(), self.touched, now)
    }

    /// When it was last used; none when the clock was ahead all the time.
    pub fn last_active(&self, now: Instant) -> Option<Instant> {
        expiry::last_active(&self.dates(), self.touched, now)
    }

    /// Whether it is this owner's.
    pub fn is_of(&self, owner: &str) -> bool {
        self.contents.owner.as_deref() == Some(owner)
    }

    /// The session without its data.
    pub fn info(&self, id: &SessionId, now: Instant) -> SessionInfo {
        SessionInfo {
            id: id.to_string(),
            version: self.version,
            owner: self.contents.owner.clone(),
            created: self.created,
            modified: self.modified,
            last_active: self.last_active(now).unwrap_or(self.created.min(now)),
            idle_timeout: self.contents.idle_timeout,
            deadline: self.contents.deadline,
            size: self.contents.data.len() as u32,
        }
    }

    /// The session with its data.
    pub fn session(&self, id: &SessionId, now: Instant) -> Session {
        Session { info: self.info(id, now), data: self.contents.data.clone() }
    }

    /// What the rules of expiry ask for.
    fn dates(&self) -> Version<'_> {
        Version {
            version: self.version,
            created: self.created,
            modified: self.modified,
            owner: None,
            idle_timeout: self.contents.idle_timeout,
            deadline: self.contents.deadline,
            data: &[],
        }
    }
}
