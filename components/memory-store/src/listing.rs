//! A listing under way: of all sessions, in the order of the ids, or of one owner's, oldest first.

use alloc::string::String;
use alloc::vec::{IntoIter, Vec};
use core::cell::RefCell;
use core::ops::Bound::{Excluded, Unbounded};

use session_core::SessionId;

use crate::bindings::wit::{Error, GuestSessionCursor, Instant, Page, SessionInfo};
use crate::host::now;
use crate::limits::need;
use crate::place::Place;
use crate::places::Shared;

/// A listing, and where it stands.
pub struct Cursor {
    place: Shared,
    at: RefCell<At>,
}

enum At {
    /// Among all: behind this id, or at the start.
    Behind(Option<SessionId>),
    /// Among those of an owner: before these.
    Of(String, IntoIter<(Instant, SessionId)>),
}

impl Cursor {
    /// All sessions, behind an id or from the first.
    pub fn all(place: Shared, after: Option<SessionId>) -> Self {
        Self { place, at: RefCell::new(At::Behind(after)) }
    }

    /// An owner's sessions, in this order.
    pub fn of(place: Shared, owner: String, sessions: Vec<(Instant, SessionId)>) -> Self {
        Self { place, at: RefCell::new(At::Of(owner, sessions.into_iter())) }
    }
}

impl GuestSessionCursor for Cursor {
    fn next_page(&self, limit: u32) -> Result<Page, Error> {
        need((1..=1000).contains(&limit), || "a page has 1 to 1000 sessions".into())?;
        let (place, limit) = (self.place.borrow(), limit as usize);
        let sessions = match &mut *self.at.borrow_mut() {
            At::Behind(after) => behind(&place, after, limit),
            At::Of(owner, sessions) => {
                let now = now();
                let found = sessions.filter_map(|(_, id)| {
                    let kept = place.sessions.get(&id)?;
                    (kept.is_of(owner) && !kept.is_over(now)).then(|| kept.info(&id, now))
                });
                found.take(limit).collect()
            }
        };
        Ok(Page { sessions, unreadable: Vec::new() })
    }
}

fn behind(place: &Place, after: &mut Option<SessionId>, limit: usize) -> Vec<SessionInfo> {
    let now = now();
    let behind = after.as_ref().map_or(Unbounded, Excluded);
    let alive = place.sessions.range((behind, Unbounded)).filter(|(_, kept)| !kept.is_over(now));
    let found: Vec<_> = alive.take(limit).collect();
    let last = found.last().map(|(id, _)| (*id).clone());
    let sessions = found.into_iter().map(|(id, kept)| kept.info(id, now)).collect();
    *after = last.or(after.take());
    sessions
}
