//! One version of a session as the bytes of one slot.
//!
//! ```text
//!  0  checksum   u64  XXH3-64 of all following bytes, seeded with the file's random number
//!  8  length     u32  of the record, this header included
//! 12  owner      u16  length of the owner in bytes; 0: none
//! 14  flags      u16  bit 0: has an idle timeout; bit 1: has a deadline
//! 16  version    u64
//! 24  created    u64  milliseconds since 1970
//! 32  modified   u64
//! 40  idle       u64  milliseconds
//! 48  deadline   u64
//! 56  owner, then data
//! ```
//!
//! Numbers are little-endian. The checksum detects torn writes, bit rot and, by its seed, blocks of another session's
//! file; it does not protect against an attacker with write access to the directory.

use alloc::string::String;
use alloc::vec::Vec;
use core::str;

use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::store::{Contents, Instant, MAX_OWNER, Milliseconds};

/// Length of the fixed part in bytes.
pub const HEADER: usize = 56;

const HAS_IDLE: u16 = 1;
const HAS_DEADLINE: u16 = 2;

/// A version of a session, borrowing its data from the bytes read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version<'a> {
    /// 1 at creation, incremented by each save.
    pub version: u64,
    /// When version 1 was written.
    pub created: Instant,
    /// When this version was written.
    pub modified: Instant,
    /// The session's owner.
    pub owner: Option<&'a str>,
    /// Expires when unused for this long.
    pub idle_timeout: Option<Milliseconds>,
    /// Expires at this time.
    pub deadline: Option<Instant>,
    /// What the client stored.
    pub data: &'a [u8],
}

impl<'a> Version<'a> {
    /// The contents of a save as a given version.
    pub fn of(contents: &'a Contents, version: u64, created: Instant, modified: Instant) -> Self {
        Self {
            version,
            created,
            modified,
            owner: contents.owner.as_deref(),
            idle_timeout: contents.idle_timeout,
            deadline: contents.deadline,
            data: &contents.data,
        }
    }

    /// Length of the encoded record in bytes.
    pub fn encoded_len(&self) -> usize {
        HEADER + self.owner.map_or(0, str::len) + self.data.len()
    }

    /// Appends the encoded record to `out`.
    pub fn encode(&self, seed: u64, out: &mut Vec<u8>) {
        let start = out.len();
        let owner = self.owner.unwrap_or("");
        let flags = if self.idle_timeout.is_some() { HAS_IDLE } else { 0 }
            | if self.deadline.is_some() { HAS_DEADLINE } else { 0 };
        out.reserve(self.encoded_len());
        out.extend_from_slice(&[0; 8]);
        out.extend_from_slice(&(self.encoded_len() as u32).to_le_bytes());
        out.extend_from_slice(&(owner.len() as u16).to_le_bytes());
        out.extend_from_slice(&flags.to_le_bytes());
        for number in
            [self.version, self.created, self.modified, self.idle_timeout.unwrap_or(0), self.deadline.unwrap_or(0)]
        {
            out.extend_from_slice(&number.to_le_bytes());
        }
        out.extend_from_slice(owner.as_bytes());
        out.extend_from_slice(self.data);
        let checksum = xxh3_64_with_seed(&out[start + 8..], seed);
        out[start..start + 8].copy_from_slice(&checksum.to_le_bytes());
    }

    /// Decodes the record at the start of a slot; none when it is incomplete, damaged, or not something [`encode`]
    /// writes.
    ///
    /// [`encode`]: Self::encode
    pub fn decode(slot: &'a [u8], seed: u64) -> Option<Self> {
        let length = u32_at(slot, 8)? as usize;
        if length < HEADER {
            return None;
        }
        let record = slot.get(..length)?;
        if xxh3_64_with_seed(&record[8..], seed) != u64_at(record, 0)? {
            return None;
        }
        let owner_len = usize::from(u16_at(record, 12)?);
        let flags = u16_at(record, 14)?;
        let version = u64_at(record, 16)?;
        // The maximum is refused too: the next save would overflow.
        if owner_len > MAX_OWNER || flags & !(HAS_IDLE | HAS_DEADLINE) != 0 || !(1..u64::MAX).contains(&version) {
            return None;
        }
        let owner = str::from_utf8(record.get(HEADER..HEADER + owner_len)?).ok()?;
        Some(Self {
            version,
            created: u64_at(record, 24)?,
            modified: u64_at(record, 32)?,
            owner: (owner_len > 0).then_some(owner),
            idle_timeout: optional(flags & HAS_IDLE != 0, u64_at(record, 40)?)?,
            deadline: optional(flags & HAS_DEADLINE != 0, u64_at(record, 48)?)?,
            data: record.get(HEADER + owner_len..)?,
        })
    }

    /// Copies the contents out of the file's bytes.
    pub fn to_contents(&self) -> Contents {
        Contents {
            data: self.data.to_vec(),
            owner: self.owner.map(String::from),
            idle_timeout: self.idle_timeout,
            deadline: self.deadline,
        }
    }
}

/// An optional number, encoded as 0 when absent; none when flag and number disagree.
fn optional(there: bool, number: u64) -> Option<Option<u64>> {
    (there || number == 0).then_some(there.then_some(number))
}

pub(crate) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

pub(crate) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

pub(crate) fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEED: u64 = 7;

    const SAMPLE: Version<'static> = Version {
        version: 3,
        created: 1,
        modified: 2,
        owner: Some("ann"),
        idle_timeout: None,
        deadline: Some(9),
        data: b"data",
    };

    /// The encoded sample with bytes replaced at an offset, and a correct checksum.
    fn with(at: usize, bytes: &[u8]) -> Vec<u8> {
        let mut record = Vec::new();
        SAMPLE.encode(SEED, &mut record);
        record[at..at + bytes.len()].copy_from_slice(bytes);
        let checksum = xxh3_64_with_seed(&record[8..], SEED);
        record[..8].copy_from_slice(&checksum.to_le_bytes());
        record
    }

    #[test]
    fn a_record_round_trips() {
        let record = with(8, &[]);
        let read = Version::decode(&record, SEED).expect("a record");
        assert_eq!(read, SAMPLE);
        assert_eq!(Version::of(&read.to_contents(), read.version, read.created, read.modified), SAMPLE);
        assert_eq!(
            Version::decode(&with(16, &(u64::MAX - 1).to_le_bytes()), SEED).map(|v| v.version),
            Some(u64::MAX - 1)
        );
    }

    #[test]
    fn absent_fields_round_trip() {
        let bare = Version { owner: None, idle_timeout: Some(0), deadline: None, data: b"", ..SAMPLE };
        let mut record = Vec::new();
        bare.encode(SEED, &mut record);
        assert_eq!((record.len(), bare.encoded_len()), (HEADER, HEADER));
        assert_eq!(Version::decode(&record, SEED), Some(bare));
    }

    #[test]
    fn an_owner_has_at_most_so_many_bytes() {
        for (length, there) in [(1, true), (MAX_OWNER, true), (MAX_OWNER + 1, false)] {
            let owner = "a".repeat(length);
            let mut record = Vec::new();
            Version { owner: Some(&owner), ..SAMPLE }.encode(SEED, &mut record);
            assert_eq!(Version::decode(&record, SEED).is_some(), there, "{length}");
        }
    }

    /// Bytes before it are kept, and are not part of it.
    #[test]
    fn a_record_is_appended() {
        let mut bytes = b"before".to_vec();
        SAMPLE.encode(SEED, &mut bytes);
        assert_eq!((&bytes[..6], Version::decode(&bytes[6..], SEED)), (&b"before"[..], Some(SAMPLE)));
    }

    /// Found by fuzzing: a record with a correct checksum was read whatever its fields, and a save then dropped unknown
    /// ones, or wrapped the maximum version to 0.
    #[test]
    fn a_record_that_no_save_writes_is_not_one() {
        for (at, bytes) in [
            (8, &55_u32.to_le_bytes()[..]),
            (12, &257_u16.to_le_bytes()),
            (12, &8_u16.to_le_bytes()),
            (14, &(HAS_DEADLINE | 4).to_le_bytes()),
            (14, &0_u16.to_le_bytes()),
            (16, &0_u64.to_le_bytes()),
            (16, &u64::MAX.to_le_bytes()),
            (40, &1_u64.to_le_bytes()),
            (56, b"\xff"),
        ] {
            assert_eq!(Version::decode(&with(at, bytes), SEED), None, "{bytes:?} at {at}");
        }
    }

    #[test]
    fn another_seed_is_another_file() {
        assert_eq!(Version::decode(&with(8, &[]), SEED + 1), None);
    }

    #[test]
    fn a_truncated_record_is_rejected() {
        let record = with(8, &[]);
        for length in 0..record.len() {
            assert_eq!(Version::decode(&record[..length], SEED), None, "{length}");
        }
    }
}
