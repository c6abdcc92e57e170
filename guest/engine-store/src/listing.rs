//! An open listing: of all sessions, in the server's order, or of one owner's, oldest first.

use alloc::string::String;
use alloc::vec::{IntoIter, Vec};

use session_core::SessionId;
use session_core::engine::Sessions;
use session_core::error::Result;
use session_core::store::{Cursor, Page};

use crate::store::{EngineStore, Server, call};
use crate::wait::ready;

/// An open listing and its position.
pub struct EngineCursor<S: Server> {
    store: EngineStore<S>,
    at: At,
}

enum At {
    /// All sessions: behind this id, or from the start.
    Behind(Option<SessionId>),
    /// An owner's sessions: the remaining ones.
    Of(String, IntoIter<SessionId>),
    End,
}

impl<S: Server> EngineCursor<S> {
    pub(crate) fn all(store: EngineStore<S>, after: Option<SessionId>) -> Self {
        Self { store, at: At::Behind(after) }
    }

    pub(crate) fn of(store: EngineStore<S>, owner: String, ids: Vec<SessionId>) -> Self {
        Self { store, at: At::Of(owner, ids.into_iter()) }
    }
}

impl<S: Server> Cursor for EngineCursor<S> {
    /// An empty page is the end, so pages whose sessions have all ended are skipped.
    fn next_page(&mut self, limit: u32) -> Result<Page> {
        loop {
            let page = match &mut self.at {
                At::End => return Ok(Page::default()),
                At::Behind(after) => {
                    let (page, next) = ready(self.store.sessions().page(after.as_ref(), limit, call()))?;
                    self.at = next.map_or(At::End, |next| At::Behind(Some(next)));
                    page
                }
                At::Of(owner, ids) => {
                    let next: Vec<SessionId> = ids.take(limit as usize).collect();
                    let sessions = ready(self.store.sessions().infos(&next, owner, call()))?;
                    if ids.as_slice().is_empty() {
                        self.at = At::End;
                    }
                    Page { sessions, ..Page::default() }
                }
            };
            if !(page.sessions.is_empty() && page.unreadable.is_empty()) {
                return Ok(page);
            }
        }
    }
}
