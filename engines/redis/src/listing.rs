//! Listings: of all sessions, in the order of shard and id, and of one owner's.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use session_core::SessionId;
use session_core::engine::Call;
use session_core::error::Result;
use session_core::store::{Info, Page, Usage};

use crate::head::Head;
use crate::keys::{self, Shard, parse_entry};
use crate::request::malformed;
use crate::sessions::RedisSessions;
use crate::transport::{Command, Reply, Transport};

/// Sessions per shard whose size an estimate looks at.
const SAMPLE: u64 = 32;

/// What the server needs for a session besides its data: head, keys, index entries (`docs/engines.md`).
const OVERHEAD: u64 = 580;

/// A session's head and the mark of its rename.
pub(crate) struct Peeked {
    pub(crate) head: Option<Vec<u8>>,
    pub(crate) is_pending: bool,
}

impl<T: Transport> RedisSessions<T> {
    /// At most `limit` sessions behind an id, and the last one looked at; none at the end.
    pub(crate) async fn list(
        &self,
        after: Option<&SessionId>,
        limit: u32,
        call: Call<'_>,
    ) -> Result<(Page, Option<SessionId>)> {
        let ids = self.ids_behind(after, limit).await?;
        let mut page = Page::default();
        for (id, peeked) in ids.iter().zip(self.peek(&ids).await?) {
            let Some(head) = peeked.head else { continue };
            match Head::parse(&head) {
                // Its rename may have happened, but is not finished.
                _ if peeked.is_pending && self.find(id).await?.is_none() => {}
                Some(head) if head.is_expired(call.now) => {}
                Some(head) => page.sessions.push(head.info(id.clone(), call.now)),
                None => page.unreadable.push(id.clone()),
            }
        }
        let is_end = ids.len() < limit as usize;
        Ok((page, if is_end { None } else { ids.into_iter().next_back() }))
    }

    /// The first ids behind an id; fewer than `limit` only at the end.
    async fn ids_behind(&self, after: Option<&SessionId>, limit: u32) -> Result<Vec<SessionId>> {
        let first = after.map(Shard::of);
        let shards: Vec<Shard> = first.map_or_else(|| Shard::all().collect(), |first| first.from_here().collect());
        let start = |shard| match after {
            Some(after) if first == Some(shard) => format!("({after}"),
            _ => "-".to_string(),
        };
        let counts = shards
            .iter()
            .map(|shard| Command::on("ZLEXCOUNT", &self.keys.index(*shard), [start(*shard).as_bytes(), b"+"]));
        let counts = self.server.read_all(counts.collect()).await?;
        let (mut left, mut commands) = (u64::from(limit), Vec::new());
        for (shard, count) in shards.into_iter().zip(counts) {
            let wanted = integer(&count, "ZLEXCOUNT")?.min(left);
            if wanted > 0 {
                commands.push(self.range(&self.keys.index(shard), &start(shard), "+", wanted));
            }
            left -= wanted;
        }
        let mut ids = Vec::with_capacity(limit as usize);
        for reply in self.server.read_all(commands).await? {
            // Other keys in the index are nobody's sessions.
            ids.extend(strings(reply)?.iter().filter_map(|id| parse_id(id)));
        }
        Ok(ids)
    }

    /// A part of an index, in order.
    pub(crate) fn range(&self, key: &str, start: &str, end: &str, limit: u64) -> Command {
        let limit = limit.to_string();
        Command::on("ZRANGEBYLEX", key, [start.as_bytes(), end.as_bytes(), b"LIMIT", b"0", limit.as_bytes()])
    }

    /// The heads of sessions, without their data.
    pub(crate) async fn peek(&self, ids: &[SessionId]) -> Result<Vec<Peeked>> {
        let commands = ids.iter().map(|id| Command::on("HMGET", &self.keys.session(id), [&b"h"[..], b"p"]));
        let replies = self.server.read_all(commands.collect()).await?;
        replies
            .into_iter()
            .map(|reply| {
                let fields = reply.list().and_then(|items| <[Reply; 2]>::try_from(items).ok());
                let [head, pending] = fields.ok_or_else(|| malformed("HMGET"))?;
                Ok(Peeked { head: head.bytes(), is_pending: pending != Reply::Nil })
            })
            .collect()
    }

    /// The sessions of an owner among these.
    pub(crate) async fn infos_of(&self, ids: &[SessionId], owner: &str, call: Call<'_>) -> Result<Vec<Info>> {
        let mut infos = Vec::with_capacity(ids.len());
        for (id, peeked) in ids.iter().zip(self.peek(ids).await?) {
            let Some(head) = peeked.head else { continue };
            let Some(head) = Head::parse(&head) else { continue };
            if head.owner != Some(owner) || head.is_expired(call.now) {
                continue;
            }
            if !peeked.is_pending || self.find(id).await?.is_some() {
                infos.push(head.info(id.clone(), call.now));
            }
        }
        Ok(infos)
    }

    /// The ids of an owner's sessions, oldest first, from the indexes.
    pub(crate) async fn owned(&self, owner: &str) -> Result<Vec<SessionId>> {
        let start = keys::owner_start(owner);
        let (from, to) = owner_range(&start);
        let commands = Shard::all()
            .map(|shard| Command::on("ZRANGEBYLEX", &self.keys.owners(shard), [from.as_bytes(), to.as_bytes()]));
        let mut found = Vec::new();
        for reply in self.server.read_all(commands.collect()).await? {
            for entry in strings(reply)? {
                found.extend(parse_entry(&entry, &start).map(|(created, id)| (String::from(created), id)));
            }
        }
        found.sort_unstable();
        Ok(found.into_iter().map(|(_, id)| id).collect())
    }

    /// The number of an owner's sessions, from the indexes.
    pub(crate) async fn count_owned(&self, owner: &str) -> Result<u64> {
        let (from, to) = owner_range(&keys::owner_start(owner));
        let commands = Shard::all()
            .map(|shard| Command::on("ZLEXCOUNT", &self.keys.owners(shard), [from.as_bytes(), to.as_bytes()]));
        let replies = self.server.read_all(commands.collect()).await?;
        replies.iter().map(|count| integer(count, "ZLEXCOUNT")).sum()
    }

    /// Counts the sessions, and estimates their bytes from a sample of each shard.
    pub(crate) async fn estimate(&self) -> Result<Usage> {
        let counts = Shard::all().map(|shard| Command::on("ZCARD", &self.keys.index(shard), []));
        let counts = self.server.read_all(counts.collect()).await?;
        let samples = Shard::all().map(|shard| self.range(&self.keys.index(shard), "-", "+", SAMPLE));
        let samples = self.server.read_all(samples.collect()).await?;
        let mut usage = Usage::default();
        for (count, sample) in counts.iter().zip(samples) {
            let count = integer(count, "ZCARD")?;
            let ids: Vec<SessionId> = strings(sample)?.iter().filter_map(|id| parse_id(id)).collect();
            let mut sizes = 0;
            for peeked in self.peek(&ids).await? {
                sizes += peeked.head.as_deref().and_then(Head::parse).map_or(0, |head| u64::from(head.size));
            }
            usage.sessions += count;
            usage.bytes += count * OVERHEAD + sizes * count / (ids.len().max(1) as u64);
        }
        Ok(usage)
    }
}

/// From an owner's first entry to behind the last: a digit follows the name.
fn owner_range(start: &str) -> (String, String) {
    (format!("[{start}"), format!("({start}:"))
}

/// The strings of a list.
pub(crate) fn strings(reply: Reply) -> Result<Vec<Vec<u8>>> {
    let items = reply.list().and_then(|items| items.into_iter().map(Reply::bytes).collect());
    items.ok_or_else(|| malformed("ZRANGEBYLEX"))
}

pub(crate) fn parse_id(id: &[u8]) -> Option<SessionId> {
    SessionId::parse(core::str::from_utf8(id).ok()?).ok()
}

fn integer(reply: &Reply, command: &str) -> Result<u64> {
    reply.integer().and_then(|number| number.try_into().ok()).ok_or_else(|| malformed(command))
}
