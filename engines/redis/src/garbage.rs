//! Deleting what has expired, and stale index entries.
//!
//! The server drops an expired session by itself an hour late; what it cannot drop are the entries of its indexes.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use session_core::SessionId;
use session_core::engine::Call;
use session_core::error::{Error, Result};
use session_core::store::{GarbageReport, Milliseconds};

use crate::head::Head;
use crate::keys::{Shard, id_of_entry};
use crate::listing::{parse_id, strings};
use crate::request::Request;
use crate::script;
use crate::sessions::RedisSessions;
use crate::transport::Transport;

/// Entries read at once.
const BATCH: u64 = 500;

/// Where a round of collection is: in which index of which shard, behind which entry.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    shard: Shard,
    index: Index,
    /// In a range of `ZRANGEBYLEX`; empty at the start.
    behind: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Index {
    Sessions,
    Owners,
}

impl<T: Transport> RedisSessions<T> {
    /// One step of collection.
    pub(crate) async fn collect(&self, budget: u32, resume: Option<&str>, call: Call<'_>) -> Result<GarbageReport> {
        let mut place = match resume {
            None => Some(Place { shard: first_shard(), index: Index::Sessions, behind: Vec::new() }),
            Some(text) => Some(
                Place::parse(text)
                    .ok_or_else(|| Error::InvalidArgument("`resume` is not from an earlier garbage report".into()))?,
            ),
        };
        let mut report = GarbageReport::default();
        while let Some(at) = place {
            if report.examined >= budget {
                report.resume = Some(at.encode());
                break;
            }
            let limit = u64::from(budget - report.examined).min(BATCH);
            let entries = self.entries(&at, limit).await?;
            report.examined += entries.len() as u32;
            match at.index {
                Index::Sessions => self.collect_sessions(&entries, &mut report, call).await?,
                Index::Owners => self.collect_owners(&entries, &mut report).await?,
            }
            let is_end = (entries.len() as u64) < limit;
            place = if is_end { at.next_index() } else { Some(at.behind(entries.into_iter().next_back())) };
        }
        Ok(report)
    }

    async fn entries(&self, at: &Place, limit: u64) -> Result<Vec<Vec<u8>>> {
        let key = match at.index {
            Index::Sessions => self.keys.index(at.shard),
            Index::Owners => self.keys.owners(at.shard),
        };
        let start = if at.behind.is_empty() { b"-".to_vec() } else { [b"(", &at.behind[..]].concat() };
        let mut range = self.range(&key, "", "+", limit);
        range.arguments[2] = start;
        strings(self.server.read(range).await?)
    }

    /// Deletes expired sessions, and entries whose session the server has dropped.
    async fn collect_sessions(&self, entries: &[Vec<u8>], report: &mut GarbageReport, call: Call<'_>) -> Result<()> {
        let ids: Vec<SessionId> = entries.iter().filter_map(|entry| parse_id(entry)).collect();
        for (id, peeked) in ids.iter().zip(self.peek(&ids).await?) {
            // An unfinished rename: its client may have died.
            if peeked.is_pending {
                self.find(id).await?;
                continue;
            }
            let is_over = match peeked.head.as_deref().map(Head::parse) {
                None => true,
                Some(Some(head)) => head.is_expired(call.now),
                Some(None) => false,
            };
            if is_over {
                match self.bury(id, None, None, call).await?.as_str() {
                    "expired" => report.expired += 1,
                    "gone" => report.abandoned += 1,
                    _ => {}
                }
            }
        }
        Ok(())
    }

    /// Removes entries without a session of that owner.
    async fn collect_owners(&self, entries: &[Vec<u8>], report: &mut GarbageReport) -> Result<()> {
        let entries: Vec<_> = entries.iter().filter_map(|entry| Some((entry, id_of_entry(entry)?))).collect();
        let ids: Vec<SessionId> = entries.iter().map(|(_, id)| id.clone()).collect();
        for ((entry, id), peeked) in entries.into_iter().zip(self.peek(&ids).await?) {
            let owner = peeked.head.as_deref().and_then(Head::parse).and_then(|head| head.owner.map(String::from));
            let is_right = owner.is_some_and(|owner| entry.starts_with(crate::keys::owner_start(&owner).as_bytes()));
            if !is_right {
                let arguments = [id.as_str().as_bytes(), &entry[..]];
                let answer = self.server.run(Request::new(&script::PRUNE, self.keys_of(&id), &arguments)).await?;
                report.abandoned += u32::from(answer.word() == "ok");
            }
        }
        Ok(())
    }

    /// Deletes sessions unused for this long. Returns how many were deleted and how many remain.
    pub(crate) async fn remove_old(&self, age: Milliseconds, call: Call<'_>) -> Result<(u64, u64)> {
        let (mut deleted, mut remaining) = (0, 0);
        let mut place = Some(Place { shard: first_shard(), index: Index::Sessions, behind: Vec::new() });
        while let Some(at) = place {
            let entries = self.entries(&at, BATCH).await?;
            for id in entries.iter().filter_map(|entry| parse_id(entry)) {
                match self.bury(&id, Some(age), None, call).await?.as_str() {
                    "expired" | "ok" => deleted += 1,
                    "gone" => {}
                    _ => remaining += 1,
                }
            }
            let is_end = (entries.len() as u64) < BATCH;
            place = if is_end { at.next_shard() } else { Some(at.behind(entries.into_iter().next_back())) };
        }
        Ok((deleted, remaining))
    }
}

fn first_shard() -> Shard {
    Shard::numbered(0).expect("there are shards")
}

impl Place {
    fn behind(self, entry: Option<Vec<u8>>) -> Self {
        Self { behind: entry.unwrap_or_default(), ..self }
    }

    fn next_index(self) -> Option<Self> {
        match self.index {
            Index::Sessions => Some(Self { index: Index::Owners, behind: Vec::new(), ..self }),
            Index::Owners => self.next_shard(),
        }
    }

    fn next_shard(self) -> Option<Self> {
        let shard = Shard::numbered(self.shard.number() + 1)?;
        Some(Self { shard, index: Index::Sessions, behind: Vec::new() })
    }

    fn encode(&self) -> String {
        let index = match self.index {
            Index::Sessions => 'i',
            Index::Owners => 'o',
        };
        format!("{index}{:02}{}", self.shard.number(), base16ct::lower::encode_string(&self.behind))
    }

    fn parse(text: &str) -> Option<Self> {
        let index = match text.get(..1)? {
            "i" => Index::Sessions,
            "o" => Index::Owners,
            _ => return None,
        };
        let number = text.get(1..3).filter(|number| number.bytes().all(|byte| byte.is_ascii_digit()))?;
        let shard = Shard::numbered(number.parse().ok()?)?;
        let behind = base16ct::lower::decode_vec(text.get(3..)?).ok()?;
        Some(Self { shard, index, behind })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_round_trip() {
        for text in ["i00", "o6373657373696f6e2d31", "i05ff"] {
            assert_eq!(Place::parse(text).map(|place| place.encode()).as_deref(), Some(text));
        }
        for bad in ["", "i", "i0", "x00", "i64", "i00f", "i00G0", "i+1", "session-1"] {
            assert_eq!(Place::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_round_visits_every_index() {
        let mut place = Place::parse("i00");
        let mut visited = 0;
        while let Some(at) = place {
            visited += 1;
            place = at.next_index();
        }
        assert_eq!(visited, 128);
    }
}
