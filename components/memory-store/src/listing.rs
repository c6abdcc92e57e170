//! A listing under way, in the order of the ids.

use alloc::vec::Vec;
use core::cell::RefCell;
use core::ops::Bound::{Excluded, Unbounded};

use session_core::SessionId;

use crate::bindings::wit::{Error, GuestSessionCursor, Page};
use crate::host::now;
use crate::limits::need;
use crate::places::Shared;

/// Where the listing stands: behind this id, or at the start.
pub struct Cursor {
    place: Shared,
    after: RefCell<Option<SessionId>>,
}

impl Cursor {
    /// Start behind an id or at the first.
    pub fn new(place: Shared, after: Option<SessionId>) -> Self {
        Self { place, after: RefCell::new(after) }
    }
}

impl GuestSessionCursor for Cursor {
    fn next_page(&self, limit: u32) -> Result<Page, Error> {
        need((1..=1000).contains(&limit), || "a page has 1 to 1000 sessions".into())?;
        let (place, mut after, now) = (self.place.borrow(), self.after.borrow_mut(), now());
        let behind = after.as_ref().map_or(Unbounded, Excluded);
        let alive = place.sessions.range((behind, Unbounded)).filter(|(_, kept)| !kept.is_over(now));
        let found: Vec<_> = alive.take(limit as usize).collect();
        let last = found.last().map(|(id, _)| (*id).clone());
        let sessions = found.into_iter().map(|(id, kept)| kept.info(id, now)).collect();
        *after = last.or(after.take());
        Ok(Page { sessions, unreadable: Vec::new() })
    }
}
