//! Listings: of all sessions, in a stable order (by directory, then by name), or of one owner's, oldest first.

use alloc::collections::BinaryHeap;
use alloc::string::String;
use alloc::vec::{IntoIter, Vec};

use session_core::SessionId;
use session_core::error::{Error, Result};
use session_core::store::{self, Instant, Page};

use crate::directory::{Directory, ErrorCode, failed};
use crate::session_file::Peek;
use crate::store::FileStore;
use crate::{layout, owners};

/// Maximum number of names of one directory held at a time.
const BATCH: usize = 1024;

/// Returns the names in a directory after a given one, sorted: at most a batch, and whether there are more. Memory is
/// bounded for any number of names; a directory of several batches is read several times.
pub fn names_after(root: &Directory, path: &str, after: &str) -> Result<(Vec<String>, bool)> {
    let action = "list the store";
    let directory = match root.directory(path) {
        Ok(directory) => directory,
        Err(ErrorCode::NoEntry) => return Ok((Vec::new(), false)),
        Err(code) => return Err(failed(action)(code)),
    };
    let mut first = BinaryHeap::new();
    let mut more = false;
    for name in directory.names().map_err(failed(action))? {
        let name = name.map_err(failed(action))?;
        if name.as_str() > after {
            first.push(name);
            if first.len() > BATCH {
                first.pop();
                more = true;
            }
        }
    }
    Ok((first.into_sorted_vec(), more))
}

/// An open listing.
pub struct FileCursor {
    store: FileStore,
    ids: Ids,
}

/// The ids to list.
enum Ids {
    All(Walk),
    /// An owner's sessions when the listing was opened, oldest first: only what is needed to find them again.
    Of(String, IntoIter<(Instant, SessionId)>),
}

impl FileCursor {
    /// Lists all sessions, from the beginning or from behind an id.
    pub fn all(store: FileStore, after: Option<&SessionId>) -> Self {
        Self { ids: Ids::All(Walk::new(store.clone(), after)), store }
    }

    /// Lists an owner's sessions. Reads each once to sort them.
    pub fn of(store: FileStore, owner: &str) -> Result<Self> {
        let mut sessions = Vec::new();
        for id in owners::ids(store.root(), &layout::owner(owner))? {
            if let Some(peek) = peek_owned(&store, &id, owner)? {
                sessions.push((peek.info.created, id));
            }
        }
        sessions.sort_unstable();
        Ok(Self { store, ids: Ids::Of(owner.into(), sessions.into_iter()) })
    }

    /// The ids of an owner's listing.
    pub fn into_ids(self) -> Vec<SessionId> {
        match self.ids {
            Ids::All(_) => Vec::new(),
            Ids::Of(_, ids) => ids.map(|(_, id)| id).collect(),
        }
    }
}

impl store::Cursor for FileCursor {
    fn next_page(&mut self, limit: u32) -> Result<Page> {
        let mut page = Page::default();
        while page.sessions.len() + page.unreadable.len() < limit as usize {
            match &mut self.ids {
                Ids::All(walk) => {
                    let Some(id) = walk.next_id()? else { break };
                    match self.store.peek(&id) {
                        Ok(Some(peek)) if !peek.expired => page.sessions.push(peek.info),
                        Ok(_) => {}
                        Err(Error::Corrupt(_) | Error::AccessDenied(_) | Error::Io(_)) => page.unreadable.push(id),
                        Err(error) => return Err(error),
                    }
                }
                Ids::Of(owner, ids) => {
                    let Some((_, id)) = ids.next() else { break };
                    page.sessions.extend(peek_owned(&self.store, &id, owner)?.map(|peek| peek.info));
                }
            }
        }
        Ok(page)
    }
}

/// Peeks at a session if it is the owner's. One that cannot be read is left out: a load returns its error.
fn peek_owned(store: &FileStore, id: &SessionId, owner: &str) -> Result<Option<Peek>> {
    match store.peek(id) {
        Ok(peek) => Ok(peek.filter(|peek| !peek.expired && peek.info.owner.as_deref() == Some(owner))),
        Err(Error::Corrupt(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// A walk through the names of all sessions.
pub struct Walk {
    store: FileStore,
    /// The current directory; 256 at the end.
    shard: u16,
    /// The last name returned or skipped there.
    after: String,
    /// Names read ahead, last first.
    ahead: Vec<String>,
    /// Whether the directory has more names after those.
    more: bool,
}

impl Walk {
    /// Starts at the beginning or behind an id.
    pub fn new(store: FileStore, after: Option<&SessionId>) -> Self {
        let (shard, after) = after.map_or((0, String::new()), |id| (id.shard().into(), id.as_str().into()));
        Self { store, shard, after, ahead: Vec::new(), more: true }
    }

    /// The next session id.
    pub fn next_id(&mut self) -> Result<Option<SessionId>> {
        loop {
            while let Some(name) = self.ahead.pop() {
                let id = layout::session_in(self.shard, &name);
                self.after = name;
                if id.is_some() {
                    return Ok(id);
                }
            }
            if !self.more {
                self.shard += 1;
                self.after.clear();
            }
            let Ok(shard) = u8::try_from(self.shard) else { return Ok(None) };
            let path = layout::shard(layout::SESSIONS, shard);
            (self.ahead, self.more) = names_after(self.store.root(), &path, &self.after)?;
            self.ahead.reverse();
        }
    }
}
