//! Three slots in one file: which is live, which may be overwritten.
//!
//! ```text
//! | head, 512 bytes | slot 0 | slot 1 | slot 2 |
//!
//! head   0  magic     "session3"
//!        8  format    u32  1
//!       12  slot size u32  in sectors of 512 bytes
//!       16  seed      u64  random, for this file; seeds all its checksums
//!       24  checksum  u64  of the 24 bytes before it
//!      512-byte sectors apart from the slots:
//!       64  proof     u64  a version known to be on the disk, under a durable name; then its u64 checksum
//!       80  names     u64  hashes of the two ids under which this file is valid, equal except during a rename
//! ```
//!
//! The live version is the newest with a valid checksum. A save writes the next version into another slot, so the live
//! one stays readable until the new one is complete. Two slots would suffice if every save were synced. With relaxed
//! saves they do not: a power cut may tear all unsynced slots at once. So one slot holds a version that is *proven* to
//! be on the disk, and a save overwrites neither it nor the live one. Without a proven slot a save makes a new file
//! instead of writing in place.
//!
//! The proof is written after `sync-data` has returned and before the save is acknowledged. It may be lost or late,
//! never early: if present, it is true.
//!
//! The names bind the file to its session: a file that got another name, by a restored backup or a failing disk, is not
//! that session.
//!
//! Assumption about the medium: a power cut during a write leaves each 512-byte sector of the written range old, new or
//! damaged, and damages no sector outside the range.

use alloc::format;
use alloc::vec::Vec;
use core::num::NonZero;

use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::record::{HEADER, Version, u32_at, u64_at};
use crate::store::{MAX_DATA, MAX_OWNER};
use crate::{Error, SessionId};

/// The write unit of the medium in bytes.
pub const SECTOR: usize = 512;

/// The offset of the cell with proof and names.
pub const CELL_AT: u64 = 64;

const MAGIC: &[u8; 8] = b"session3";
const FORMAT: u32 = 1;
const SLOTS: usize = 3;
const STATIC: usize = 24;
const CELL: usize = 32;
/// Small sessions get 1 KiB: three of those and the head fit in one 4 KiB block.
const MIN_SLOT: usize = 2 * SECTOR;
const MAX_SLOT: usize = (HEADER + MAX_OWNER + MAX_DATA as usize) * 5 / 4 + SECTOR;

/// The immutable part of a file's head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    slot_size: usize,
    seed: u64,
}

impl Head {
    /// Parses the head at the start of a file. The error says what is wrong.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let broken = |what: &str| Error::Corrupt(format!("{what} ({} bytes read)", bytes.len()));
        if bytes.is_empty() {
            return Err(broken("the file is empty"));
        }
        let (Some(_), Some(format), Some(sectors), Some(seed), Some(checksum)) =
            (bytes.get(..SECTOR), u32_at(bytes, 8), u32_at(bytes, 12), u64_at(bytes, 16), u64_at(bytes, STATIC))
        else {
            return Err(broken("the file is too short for a session"));
        };
        if !bytes.starts_with(MAGIC) {
            return Err(broken("the file is not a session3 session"));
        }
        if xxh3_64_with_seed(&bytes[..STATIC], 0) != checksum {
            return Err(broken("the head of the file is damaged"));
        }
        if format != FORMAT {
            return Err(Error::Corrupt(format!("the file has format {format}, only {FORMAT} is supported")));
        }
        let slot_size = (sectors as usize).saturating_mul(SECTOR);
        if !(MIN_SLOT..=MAX_SLOT).contains(&slot_size) {
            return Err(broken("the head of the file has an impossible slot size"));
        }
        Ok(Self { slot_size, seed })
    }

    /// Length of the whole file in bytes.
    pub fn file_len(&self) -> usize {
        SECTOR + SLOTS * self.slot_size
    }

    /// The cell that proves a version, or none, of the session with this id; during a rename, also with its new id.
    pub fn cell(&self, proven: Option<u64>, id: &SessionId, new_id: &SessionId) -> [u8; CELL] {
        let version = proven.unwrap_or(0).to_le_bytes();
        let proof = if proven.is_some() { self.hash(&version) } else { 0 };
        let mut cell = [0; CELL];
        cell[..8].copy_from_slice(&version);
        cell[8..16].copy_from_slice(&proof.to_le_bytes());
        cell[16..24].copy_from_slice(&self.hash(id.as_str().as_bytes()).to_le_bytes());
        cell[24..].copy_from_slice(&self.hash(new_id.as_str().as_bytes()).to_le_bytes());
        cell
    }

    fn hash(&self, bytes: &[u8]) -> u64 {
        xxh3_64_with_seed(bytes, self.seed)
    }

    fn is_of(&self, file: &[u8], id: &SessionId) -> bool {
        let name = Some(self.hash(id.as_str().as_bytes()));
        u64_at(file, CELL_AT as usize + 16) == name || u64_at(file, CELL_AT as usize + 24) == name
    }

    fn slot<'a>(&self, file: &'a [u8], index: usize) -> &'a [u8] {
        let rest = file.get(SECTOR + index * self.slot_size..).unwrap_or(&[]);
        rest.get(..self.slot_size).unwrap_or(rest)
    }

    fn proven(&self, file: &[u8]) -> Option<u64> {
        let version = NonZero::new(u64_at(file, CELL_AT as usize)?)?.get();
        let proof = u64_at(file, CELL_AT as usize + 8)?;
        (proof == self.hash(&version.to_le_bytes())).then_some(version)
    }
}

/// The slots of a session's file, as read.
#[derive(Clone, Copy, Debug)]
pub struct Slots<'a> {
    head: Head,
    slots: [Option<Version<'a>>; SLOTS],
    live: usize,
    proven: Option<usize>,
    torn: bool,
}

impl<'a> Slots<'a> {
    /// Finds the versions in a session's file. Fails when there is none, when the file proves that a newer one existed,
    /// or when it is not this session's file.
    pub fn parse(file: &'a [u8], id: &SessionId) -> Result<Self, Error> {
        let head = Head::parse(file)?;
        if !head.is_of(file, id) {
            return Err(Error::Corrupt("the file belongs to another session, or its head is damaged".into()));
        }
        let slots: [_; SLOTS] = core::array::from_fn(|index| Version::decode(head.slot(file, index), head.seed));
        let torn =
            (0..SLOTS).any(|index| slots[index].is_none() && u32_at(head.slot(file, index), 8).unwrap_or(1) != 0);
        let live =
            (0..SLOTS).filter(|index| slots[*index].is_some()).max_by_key(|index| slots[*index].map(|v| v.version));
        let Some(live) = live else {
            return Err(Error::Corrupt("no version of the session is intact".into()));
        };
        let proof = head.proven(file);
        if let (Some(proof), Some(newest)) = (proof, slots[live])
            && newest.version < proof
        {
            return Err(Error::Corrupt(format!(
                "version {proof} of the session is damaged; the newest intact one is {}",
                newest.version
            )));
        }
        let proven = (0..SLOTS).find(|index| slots[*index].is_some_and(|v| Some(v.version) == proof));
        Ok(Self { head, slots, live, proven, torn })
    }

    /// The newest intact version.
    pub fn live(&self) -> Version<'a> {
        self.slots[self.live].expect("`parse` chose a slot that has a version")
    }

    /// Whether a slot was incomplete when the file was read: its writer was active, or died.
    pub fn torn(&self) -> bool {
        self.torn
    }

    /// The offset of the slot for a next version of this encoded length; none when it does not fit or no version is
    /// proven, and the save must make a new file.
    pub fn place(&self, encoded_len: usize) -> Option<u64> {
        let proven = self.proven?;
        if encoded_len > self.head.slot_size {
            return None;
        }
        let free = (0..SLOTS).filter(|&index| index != self.live && index != proven);
        let oldest = free.min_by_key(|index| self.slots[*index].map_or(0, |v| v.version))?;
        Some((SECTOR + oldest * self.head.slot_size) as u64)
    }

    /// The head, for encoding.
    pub fn head(&self) -> Head {
        self.head
    }
}

/// Encodes a version for a slot of this file.
pub fn encode(head: &Head, version: &Version) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(version.encoded_len());
    version.encode(head.seed, &mut bytes);
    bytes
}

/// Length in bytes of a new file for a version of this encoded length.
pub fn new_file_len(encoded_len: usize) -> usize {
    SECTOR + SLOTS * slot_size(encoded_len)
}

/// A quarter more than needed: data that grows slightly stays in place.
fn slot_size(encoded_len: usize) -> usize {
    (encoded_len + encoded_len / 4).next_multiple_of(SECTOR).max(MIN_SLOT)
}

/// Builds a new file with one version and no proof. `seed` is random: a file's checksums are invalid in any other.
pub fn new_file(id: &SessionId, version: &Version, seed: u64) -> (Head, Vec<u8>) {
    let slot_size = slot_size(version.encoded_len());
    let head = Head { slot_size, seed };
    let mut file = Vec::with_capacity(head.file_len());
    file.extend_from_slice(MAGIC);
    file.extend_from_slice(&FORMAT.to_le_bytes());
    file.extend_from_slice(&((slot_size / SECTOR) as u32).to_le_bytes());
    file.extend_from_slice(&seed.to_le_bytes());
    file.extend_from_slice(&xxh3_64_with_seed(&file, 0).to_le_bytes());
    file.resize(CELL_AT as usize, 0);
    file.extend_from_slice(&head.cell(None, id, id));
    file.resize(SECTOR, 0);
    version.encode(seed, &mut file);
    // The empty slots are written too: later saves in place then need no new blocks and never find the disk full.
    file.resize(head.file_len(), 0);
    (head, file)
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    fn id() -> SessionId {
        SessionId::parse("session-1").unwrap()
    }

    fn version(number: u64, data: &[u8]) -> Version<'_> {
        Version {
            version: number,
            created: 1,
            modified: 2,
            owner: Some("ann"),
            idle_timeout: Some(3),
            deadline: None,
            data,
        }
    }

    fn prove(file: &mut [u8], head: &Head, number: u64) {
        file[CELL_AT as usize..CELL_AT as usize + CELL].copy_from_slice(&head.cell(Some(number), &id(), &id()));
    }

    fn save(file: &mut [u8], next: &Version) -> Option<u64> {
        let slots = Slots::parse(file, &id()).unwrap();
        let at = slots.place(next.encoded_len())?;
        let bytes = encode(&slots.head(), next);
        file[at as usize..at as usize + bytes.len()].copy_from_slice(&bytes);
        Some(at)
    }

    #[test]
    fn a_new_file_holds_its_version_and_fits_a_block() {
        let (_, file) = new_file(&id(), &version(1, b"data"), 7);
        assert!(file.len() <= 4096);
        let slots = Slots::parse(&file, &id()).unwrap();
        assert_eq!(slots.live(), version(1, b"data"));
        assert!(!slots.torn());
    }

    #[test]
    fn the_largest_session_has_a_file_that_can_be_read() {
        let (data, owner) = (alloc::vec![7; MAX_DATA as usize], "o".repeat(MAX_OWNER));
        let largest = Version { owner: Some(&owner), deadline: Some(4), ..version(1, &data) };
        let (_, file) = new_file(&id(), &largest, 7);
        assert_eq!(Slots::parse(&file, &id()).unwrap().live().data.len(), data.len());
    }

    #[test]
    fn nothing_is_overwritten_until_something_is_proven() {
        let (head, mut file) = new_file(&id(), &version(1, b"data"), 7);
        assert_eq!(Slots::parse(&file, &id()).unwrap().place(100), None);
        prove(&mut file, &head, 1);
        assert!(Slots::parse(&file, &id()).unwrap().place(100).is_some());
    }

    /// Any number of relaxed saves alternate between two slots and never touch the proven one.
    #[test]
    fn a_power_cut_that_tears_every_unproven_slot_leaves_the_proven_version() {
        let (head, mut file) = new_file(&id(), &version(1, b"proven"), 7);
        prove(&mut file, &head, 1);
        let mut written = Vec::new();
        for number in 2..10 {
            written.push(save(&mut file, &version(number, b"relaxed")).unwrap());
            assert_eq!(Slots::parse(&file, &id()).unwrap().live().version, number);
        }
        written.sort_unstable();
        written.dedup();
        for at in written {
            file[at as usize + 20] ^= 1;
        }
        let slots = Slots::parse(&file, &id()).unwrap();
        assert_eq!(slots.live(), version(1, b"proven"));
        assert!(slots.torn());
    }

    #[test]
    fn a_proof_moves_the_protection() {
        let (head, mut file) = new_file(&id(), &version(1, b"a"), 7);
        prove(&mut file, &head, 1);
        let second = save(&mut file, &version(2, b"b")).unwrap();
        prove(&mut file, &head, 2);
        for number in 3..9 {
            assert_ne!(save(&mut file, &version(number, b"c")), Some(second));
        }
    }

    #[test]
    fn a_version_larger_than_its_slot_needs_a_new_file() {
        let (head, mut file) = new_file(&id(), &version(1, b"a"), 7);
        prove(&mut file, &head, 1);
        let slots = Slots::parse(&file, &id()).unwrap();
        assert!(slots.place(1024).is_some());
        assert_eq!(slots.place(1025), None);
    }

    #[test]
    fn rot_in_the_proven_version_is_an_error_and_not_an_older_version() {
        let (head, mut file) = new_file(&id(), &version(1, b"old"), 7);
        prove(&mut file, &head, 1);
        let at = save(&mut file, &version(2, b"new")).unwrap() as usize;
        prove(&mut file, &head, 2);
        file[at + 30] ^= 1;
        assert_eq!(
            Slots::parse(&file, &id()).unwrap_err().to_string(),
            "version 2 of the session is damaged; the newest intact one is 1"
        );
    }

    /// A damaged cell protects no slot. Taken at its word it could protect the wrong one.
    #[test]
    fn a_cell_with_a_wrong_proof_proves_nothing() {
        let (head, mut file) = new_file(&id(), &version(1, b"a"), 7);
        prove(&mut file, &head, 1);
        file[CELL_AT as usize + 8] ^= 1;
        let slots = Slots::parse(&file, &id()).unwrap();
        assert_eq!((slots.live().version, slots.place(100)), (1, None));
    }

    #[test]
    fn a_record_that_reaches_beyond_its_slot_is_none() {
        let (head, mut file) = new_file(&id(), &version(1, b"a"), 7);
        prove(&mut file, &head, 1);
        let too_long = encode(&head, &version(2, &[7; MIN_SLOT]));
        let at = SECTOR + MIN_SLOT;
        file[at..at + too_long.len()].copy_from_slice(&too_long);
        let slots = Slots::parse(&file, &id()).unwrap();
        assert_eq!((slots.live().version, slots.torn()), (1, true));
    }

    #[test]
    fn every_cut_and_every_flipped_bit_is_noticed_or_harmless() {
        let (head, mut file) = new_file(&id(), &version(1, b"one"), 7);
        prove(&mut file, &head, 1);
        save(&mut file, &version(2, b"two")).unwrap();
        let versions = [version(1, b"one"), version(2, b"two")];
        for length in 0..file.len() {
            if let Ok(slots) = Slots::parse(&file[..length], &id()) {
                assert!(versions.contains(&slots.live()), "cut at {length}");
            }
        }
        for bit in 0..file.len() * 8 {
            let mut flipped = file.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            if let Ok(slots) = Slots::parse(&flipped, &id()) {
                assert!(versions.contains(&slots.live()), "bit {bit}");
            }
        }
    }

    #[test]
    fn a_slot_of_another_file_is_not_ours() {
        let (_, mine) = new_file(&id(), &version(1, b"mine"), 7);
        let (_, other) = new_file(&id(), &version(5, b"other"), 8);
        let mut mixed = mine.clone();
        let slot = SECTOR + 1024;
        mixed[slot..slot + 1024].copy_from_slice(&other[SECTOR..SECTOR + 1024]);
        assert_eq!(Slots::parse(&mixed, &id()).unwrap().live(), version(1, b"mine"));
    }

    #[test]
    fn a_file_is_its_own_sessions_and_during_a_rename_the_new_ones_too() {
        let (head, mut file) = new_file(&id(), &version(1, b"mine"), 7);
        let other = SessionId::parse("session-2").unwrap();
        assert!(Slots::parse(&file, &other).is_err());
        file[CELL_AT as usize..CELL_AT as usize + CELL].copy_from_slice(&head.cell(None, &id(), &other));
        assert!(Slots::parse(&file, &id()).is_ok() && Slots::parse(&file, &other).is_ok());
    }

    /// A new file with a number replaced in its head, and a correct checksum.
    fn with_head(at: usize, number: u32) -> Vec<u8> {
        let (_, mut file) = new_file(&id(), &version(1, b""), 7);
        file[at..at + 4].copy_from_slice(&number.to_le_bytes());
        let checksum = xxh3_64_with_seed(&file[..STATIC], 0);
        file[STATIC..STATIC + 8].copy_from_slice(&checksum.to_le_bytes());
        file
    }

    #[track_caller]
    fn refused(file: &[u8], reason: &str) {
        assert_eq!(Slots::parse(file, &id()).unwrap_err(), Error::Corrupt(reason.to_string()));
    }

    #[test]
    fn a_head_that_asks_for_a_huge_file_is_refused() {
        // The largest session takes 21 MiB.
        for sectors in [0, 1, MAX_SLOT as u32 / SECTOR as u32 + 1, (22 << 20) / SECTOR as u32, u32::MAX] {
            refused(&with_head(12, sectors), "the head of the file has an impossible slot size (3584 bytes read)");
        }
    }

    #[test]
    fn errors_name_what_is_wrong() {
        let (_, file) = new_file(&id(), &version(1, b""), 7);
        refused(&[], "the file is empty (0 bytes read)");
        refused(&file[..SECTOR - 1], "the file is too short for a session (511 bytes read)");
        refused(&file[..SECTOR], "no version of the session is intact");
        refused(&[0; SECTOR], "the file is not a session3 session (512 bytes read)");
        refused(&with_head(8, 2), "the file has format 2, only 1 is supported");
        let mut damaged = file.clone();
        damaged[16] ^= 1;
        refused(&damaged, "the head of the file is damaged (3584 bytes read)");
        let other = new_file(&SessionId::parse("session-2").unwrap(), &version(1, b""), 7).1;
        refused(&other, "the file belongs to another session, or its head is damaged");
    }
}
