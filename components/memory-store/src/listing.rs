//! An open listing: of all sessions, in the order of their ids, or of one owner's, oldest first.

use alloc::string::String;
use alloc::vec::{IntoIter, Vec};

use guest_exports::host::now;
use session_core::SessionId;
use session_core::error::Result;
use session_core::store::{Cursor, Info, Instant, Page};

use crate::place::{Place, info, is_of, is_over};
use crate::store::MemoryStore;

/// An open listing and its position.
pub struct MemoryCursor {
    store: MemoryStore,
    at: At,
}

enum At {
    /// All sessions: behind this id, or from the start.
    Behind(Option<SessionId>),
    /// An owner's sessions: the remaining ones.
    Of(String, IntoIter<(Instant, SessionId)>),
}

impl MemoryCursor {
    /// Lists all sessions, behind an id or from the first.
    pub fn all(store: MemoryStore, after: Option<SessionId>) -> Self {
        Self { store, at: At::Behind(after) }
    }

    /// Lists an owner's sessions, in this order.
    pub fn of(store: MemoryStore, owner: String, sessions: Vec<(Instant, SessionId)>) -> Self {
        Self { store, at: At::Of(owner, sessions.into_iter()) }
    }
}

impl Cursor for MemoryCursor {
    fn next_page(&mut self, limit: u32) -> Result<Page> {
        let (place, now) = (self.store.place(), now());
        let sessions = match &mut self.at {
            At::Behind(after) => {
                let found = behind(&place, after.as_ref(), now, limit as usize);
                *after = found.last().map(|info| info.id.clone()).or(after.take());
                found
            }
            At::Of(owner, sessions) => {
                let found = sessions.filter_map(|(_, id)| {
                    let record = place.sessions.get(&id)?;
                    (is_of(record, owner) && !is_over(record, now)).then(|| info(record, now))
                });
                found.take(limit as usize).collect()
            }
        };
        Ok(Page { sessions, unreadable: Vec::new() })
    }
}

fn behind(place: &Place, after: Option<&SessionId>, now: Instant, limit: usize) -> Vec<Info> {
    let alive = place.behind(after).filter(|record| !is_over(record, now));
    alive.take(limit).map(|record| info(record, now)).collect()
}
