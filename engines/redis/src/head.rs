//! The head of a session: one line of text that scripts can change. `prelude.lua` describes it.

use alloc::format;
use alloc::string::String;
use core::str;

use session_core::SessionId;
use session_core::record::Version;
use session_core::store::{Contents, Info, Instant, Milliseconds, Record};
use session_core::{expiry, store};
use xxhash_rust::xxh3::xxh3_64;

/// A session without its data.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "`store::Record` documents them")]
pub struct Head<'a> {
    pub version: u64,
    pub created: Instant,
    pub modified: Instant,
    /// When it was last saved, touched or renamed, by the clock of that client.
    pub active: Instant,
    pub idle_timeout: Option<Milliseconds>,
    pub deadline: Option<Instant>,
    /// The random id of the last save.
    pub write: u64,
    /// Of the data.
    pub checksum: u64,
    /// Of the data in bytes.
    pub size: u32,
    pub owner: Option<&'a str>,
}

impl<'a> Head<'a> {
    /// The head of a record.
    pub fn of(record: &'a Record, write: u64) -> Self {
        let Contents { data, owner, idle_timeout, deadline } = &record.contents;
        Self {
            version: record.version,
            created: record.created,
            modified: record.modified,
            active: record.last_active,
            idle_timeout: *idle_timeout,
            deadline: *deadline,
            write,
            checksum: xxh3_64(data),
            size: data.len() as u32,
            owner: owner.as_deref(),
        }
    }

    /// The text.
    pub fn encode(&self) -> String {
        let Self { version, created, modified, active, write, checksum, size, .. } = self;
        let (idle, deadline) = (optional(self.idle_timeout), optional(self.deadline));
        let owner = owner_field(self.owner);
        format!("{version} {created} {modified} {active} {idle} {deadline} {write:016x} {checksum:016x} {size}{owner}")
    }

    /// Parses the text; none if it is not something [`encode`](Self::encode) writes.
    pub fn parse(text: &'a [u8]) -> Option<Self> {
        let text = str::from_utf8(text).ok()?;
        let mut fields = text.splitn(10, ' ');
        let mut next = || fields.next();
        let head = Self {
            version: number(next()?)?,
            created: number(next()?)?,
            modified: number(next()?)?,
            active: number(next()?)?,
            idle_timeout: optional_number(next()?)?,
            deadline: optional_number(next()?)?,
            write: hex(next()?)?,
            checksum: hex(next()?)?,
            size: number(next()?)?.try_into().ok()?,
            owner: next(),
        };
        let is_valid = (1..u64::MAX).contains(&head.version)
            && head.size <= store::MAX_DATA
            && head.owner.is_none_or(|owner| (1..=store::MAX_OWNER).contains(&owner.len()));
        is_valid.then_some(head)
    }

    /// Whether the data belongs to this head.
    pub fn is_of(&self, data: &[u8]) -> bool {
        data.len() == self.size as usize && xxh3_64(data) == self.checksum
    }

    /// The view that the expiry rules need.
    fn version(&self) -> Version<'_> {
        Version {
            version: self.version,
            created: self.created,
            modified: self.modified,
            owner: None,
            idle_timeout: self.idle_timeout,
            deadline: self.deadline,
            data: &[],
        }
    }

    /// Whether the session has expired.
    pub fn is_expired(&self, now: Instant) -> bool {
        expiry::expired(&self.version(), self.active, now)
    }

    fn last_active(&self, now: Instant) -> Instant {
        expiry::last_active(&self.version(), self.active, now).unwrap_or(self.created.min(now))
    }

    /// As a listing shows it.
    pub fn info(&self, id: SessionId, now: Instant) -> Info {
        Info {
            id,
            version: self.version,
            created: self.created,
            modified: self.modified,
            last_active: self.last_active(now),
            owner: self.owner.map(String::from),
            idle_timeout: self.idle_timeout,
            deadline: self.deadline,
            size: self.size,
        }
    }

    /// As a load returns it.
    pub fn record(&self, id: SessionId, data: alloc::vec::Vec<u8>, now: Instant) -> Record {
        Record {
            id,
            version: self.version,
            created: self.created,
            modified: self.modified,
            last_active: self.last_active(now),
            contents: Contents {
                data,
                owner: self.owner.map(String::from),
                idle_timeout: self.idle_timeout,
                deadline: self.deadline,
            },
        }
    }
}

/// The owner as the end of a head: with the space before it, or nothing.
pub fn owner_field(owner: Option<&str>) -> String {
    owner.map_or_else(String::new, |owner| format!(" {owner}"))
}

/// An optional number as a field.
pub fn optional(number: Option<u64>) -> String {
    number.map_or_else(|| String::from("-"), |number| format!("{number}"))
}

/// The checksum of data as a field.
pub fn checksum(data: &[u8]) -> String {
    format!("{:016x}", xxh3_64(data))
}

/// Only digits: `u64::from_str` would take a sign as well.
fn number(text: &str) -> Option<u64> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}

fn optional_number(text: &str) -> Option<Option<u64>> {
    if text == "-" { Some(None) } else { number(text).map(Some) }
}

fn hex(text: &str) -> Option<u64> {
    if text.len() != 16 || text.starts_with('+') {
        return None;
    }
    u64::from_str_radix(text, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLE: Head<'static> = Head {
        version: 3,
        created: 1,
        modified: u64::MAX,
        active: 2,
        idle_timeout: None,
        deadline: Some(9),
        write: 0xab,
        checksum: 0xcd,
        size: 5,
        owner: Some("ann of\nb"),
    };

    #[test]
    fn a_head_round_trips() {
        let text = "3 1 18446744073709551615 2 - 9 00000000000000ab 00000000000000cd 5";
        assert_eq!(SAMPLE.encode(), format!("{text} ann of\nb"));
        for head in [SAMPLE, Head { owner: None, idle_timeout: Some(0), deadline: None, ..SAMPLE }] {
            assert_eq!(Head::parse(head.encode().as_bytes()), Some(head));
        }
    }

    #[test]
    fn other_text_is_no_head() {
        let good = "3 1 2 2 - 9 00000000000000ab 00000000000000cd 5";
        assert!(Head::parse(good.as_bytes()).is_some());
        for (from, to) in [
            ("3 1", "0 1"),
            ("3 1", "18446744073709551615 1"),
            ("3 1", "+3 1"),
            ("- 9", "-1 9"),
            ("- 9", "- "),
            ("00ab", "0ab"),
            ("00ab", "00xy"),
            ("cd 5", "cd 16777217"),
            ("cd 5", "cd"),
            ("cd 5", "cd 5 "),
        ] {
            assert_eq!(Head::parse(good.replacen(from, to, 1).as_bytes()), None, "{to}");
        }
        assert_eq!(Head::parse(b"\xff"), None);
        assert_eq!(Head::parse(b""), None);
    }

    #[test]
    fn data_is_recognized() {
        let head = Head { checksum: xxh3_64(b"data"), size: 4, ..SAMPLE };
        assert!(head.is_of(b"data"));
        for other in [&b"Data"[..], b"dat", b""] {
            assert!(!head.is_of(other));
        }
    }
}
