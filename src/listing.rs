//! Walking through all sessions, in an order that stays: by directory, then by name.

use alloc::collections::BinaryHeap;
use alloc::string::String;
use alloc::vec::Vec;

use session_core::SessionId;
use session_core::error::{Error, Result};

use crate::directory::{Directory, ErrorCode, failed};
use crate::layout;
use crate::store::{Peek, Store};

/// Most names of one directory held at a time.
const BATCH: usize = 1024;

/// Most sessions on a page.
pub const MAX_PAGE: u32 = 1000;

/// The names in a directory that come after a given one, sorted: at most a batch of them, and whether there are more.
/// Memory is bounded however many names there are; a directory of several batches is read several times.
pub fn names_after(root: &Directory, path: &str, after: &str) -> Result<(Vec<String>, bool)> {
    let doing = "list the store";
    let directory = match root.directory(path) {
        Ok(directory) => directory,
        Err(ErrorCode::NoEntry) => return Ok((Vec::new(), false)),
        Err(code) => return Err(failed(doing)(code)),
    };
    let mut first = BinaryHeap::new();
    let mut more = false;
    for name in directory.names().map_err(failed(doing))? {
        let name = name.map_err(failed(doing))?;
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

/// One page of a listing.
#[derive(Default)]
pub struct Page {
    /// Sessions that have not expired.
    pub sessions: Vec<Peek>,
    /// Sessions whose files cannot be read.
    pub unreadable: Vec<SessionId>,
}

/// A listing under way.
pub struct Cursor {
    store: Store,
    /// The directory it is in; 256 is the end.
    shard: u16,
    /// The last name it has seen there.
    after: String,
    /// Names it has read ahead, last first.
    ahead: Vec<String>,
    /// Whether the directory has names behind those.
    more: bool,
}

impl Cursor {
    /// Start at the beginning or behind an id.
    pub fn new(store: Store, after: Option<&SessionId>) -> Self {
        let (shard, after) = after.map_or((0, String::new()), |id| (id.shard().into(), id.as_str().into()));
        Self { store, shard, after, ahead: Vec::new(), more: true }
    }

    /// The next page; an empty one is the end.
    pub fn next_page(&mut self, limit: u32) -> Result<Page> {
        if !(1..=MAX_PAGE).contains(&limit) {
            return Err(Error::InvalidArgument(alloc::format!("a page has 1 to {MAX_PAGE} sessions")));
        }
        let mut page = Page::default();
        while page.sessions.len() + page.unreadable.len() < limit as usize {
            let Some(id) = self.next_id()? else { break };
            match self.store.peek(&id) {
                Ok(Some(peek)) if !peek.expired => page.sessions.push(peek),
                Ok(_) => {}
                Err(Error::Corrupt(_)) => page.unreadable.push(id),
                Err(error) => return Err(error),
            }
        }
        Ok(page)
    }

    /// The next name that is a session's.
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
