//! The sessions at one location. Changes here do not check the lock: the caller holds it, or has seen that it is free,
//! and an instance runs one operation at a time.

use alloc::collections::BTreeMap;
use alloc::string::ToString;
use alloc::vec::Vec;
use core::ops::Bound::{Excluded, Unbounded};

use guest_exports::host::now;
use session_core::error::{Error, Result};
use session_core::record::Version;
use session_core::store::{Contents, GarbageReport, Info, Instant, Milliseconds, Record};
use session_core::{SessionId, expiry};

use crate::locks::Locks;

/// The sessions and their locks.
#[derive(Default)]
pub struct Place {
    /// By id, including expired ones not accessed since. `last_active` is the clock at the last save, touch or rename,
    /// whatever the clock is now.
    pub sessions: BTreeMap<SessionId, Record>,
    /// Their holders.
    pub locks: Locks,
}

impl Place {
    /// Returns the session, if present, and the time. A session once seen expired stays expired when the clock is
    /// stepped back.
    pub fn find(&mut self, id: &SessionId) -> Option<(&mut Record, Instant)> {
        let now = now();
        if is_over(self.sessions.get(id)?, now) {
            self.sessions.remove(id);
        }
        Some((self.sessions.get_mut(id)?, now))
    }

    /// Sessions behind an id, or from the first.
    pub fn behind(&self, after: Option<&SessionId>) -> impl Iterator<Item = &Record> {
        self.sessions.range((after.map_or(Unbounded, Excluded), Unbounded)).map(|(_, record)| record)
    }

    /// An owner's unexpired sessions.
    pub fn of(&self, owner: &str, now: Instant) -> impl Iterator<Item = &Record> {
        self.sessions.values().filter(move |record| is_of(record, owner) && !is_over(record, now))
    }

    /// Creates a session.
    pub fn create(&mut self, id: &SessionId, contents: Contents) -> Result<Info> {
        self.require_new(id)?;
        let now = now();
        let record = Record { id: id.clone(), version: 1, created: now, modified: now, last_active: now, contents };
        let info = record.info();
        self.sessions.insert(id.clone(), record);
        Ok(info)
    }

    /// Loads a session, if present.
    pub fn load(&mut self, id: &SessionId) -> Option<Record> {
        self.find(id).map(|(record, now)| Record { last_active: last_active(record, now), ..record.clone() })
    }

    /// Replaces the contents of an existing session.
    pub fn save(&mut self, id: &SessionId, contents: Contents, expected: Option<u64>) -> Result<u64> {
        let (record, now) = self.find(id).ok_or(Error::Gone)?;
        if expected.is_some_and(|expected| expected != record.version) {
            return Err(Error::Conflict(record.version));
        }
        record.version += 1;
        record.contents = contents;
        (record.modified, record.last_active) = (now, now);
        Ok(record.version)
    }

    /// Deletes a session and returns whether it existed.
    pub fn delete(&mut self, id: &SessionId) -> bool {
        self.find(id).is_some() && self.sessions.remove(id).is_some()
    }

    /// Moves a session to an id that is neither taken nor locked.
    pub fn rename(&mut self, id: &SessionId, new_id: &SessionId) -> Result<()> {
        if id == new_id {
            return Err(Error::AlreadyExists);
        }
        self.locks.require_free(new_id)?;
        self.require_new(new_id)?;
        let (_, now) = self.find(id).ok_or(Error::Gone)?;
        let record = self.sessions.remove(id).ok_or(Error::Gone)?;
        self.sessions.insert(new_id.clone(), Record { id: new_id.clone(), last_active: now, ..record });
        Ok(())
    }

    /// Adds a session as another store had it.
    pub fn import(&mut self, record: Record) -> Result<()> {
        self.require_new(&record.id)?;
        self.sessions.insert(record.id.clone(), record);
        Ok(())
    }

    fn require_new(&mut self, id: &SessionId) -> Result<()> {
        if self.find(id).is_some() { Err(Error::AlreadyExists) } else { Ok(()) }
    }

    /// Deletes the expired ones among `budget` sessions behind an id. Skips locked ones until the next round.
    pub fn collect(&mut self, budget: u32, after: Option<&SessionId>) -> GarbageReport {
        let seen: Vec<SessionId> = self.behind(after).map(|record| record.id.clone()).take(budget as usize).collect();
        let mut report = GarbageReport { examined: seen.len() as u32, ..GarbageReport::default() };
        for id in &seen {
            report.expired += u32::from(self.locks.is_free(id) && self.find(id).is_none());
        }
        // A full step may be the last; then the next one finds nothing.
        report.resume = seen.last().filter(|_| seen.len() == budget as usize).map(SessionId::to_string);
        report
    }

    /// Deletes unlocked sessions unused for this long. Returns how many were deleted and how many remain.
    pub fn delete_old(&mut self, age: Milliseconds) -> (u64, u64) {
        let (before, now) = (self.sessions.len(), now());
        let Self { sessions, locks } = self;
        sessions.retain(|id, record| {
            let active = expiry::last_active(&version(record), record.last_active, now);
            let is_old = active.is_some_and(|active| now - active >= age);
            !(locks.is_free(id) && (is_old || is_over(record, now)))
        });
        ((before - sessions.len()) as u64, sessions.len() as u64)
    }
}

/// Whether a session has expired.
pub fn is_over(record: &Record, now: Instant) -> bool {
    expiry::expired(&version(record), record.last_active, now)
}

/// Whether a session belongs to an owner.
pub fn is_of(record: &Record, owner: &str) -> bool {
    record.contents.owner.as_deref() == Some(owner)
}

/// A session without its data.
pub fn info(record: &Record, now: Instant) -> Info {
    Info { last_active: last_active(record, now), ..record.info() }
}

fn last_active(record: &Record, now: Instant) -> Instant {
    expiry::last_active(&version(record), record.last_active, now).unwrap_or(record.created.min(now))
}

/// The view of a record that the expiry rules need.
fn version(record: &Record) -> Version<'_> {
    Version::of(&record.contents, record.version, record.created, record.modified)
}
