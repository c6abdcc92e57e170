//! A session's file may hold anything: reading it returns a version that was written, or an error.

use session_core::record::{HEADER, Version};
use session_core::slots::{self, SECTOR, Slots};
use session_core::store::MAX_OWNER;
use session_core::{Error, SessionId};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::bytes::Bytes;

const SLOTS: usize = 3;

pub fn holds(data: &[u8]) {
    of_file(data, &[]);
    of_slot(data);
    let (file, flips) = sealed(data);
    of_file(&file, flips);
}

/// A slot that decodes encodes to the same bytes.
fn of_slot(data: &[u8]) {
    let mut slot = data.to_vec();
    seal(&mut slot, 7);
    if let Some(version) = Version::decode(&slot, 7) {
        let mut again = Vec::new();
        version.encode(7, &mut again);
        assert_eq!(again, slot[..again.len()]);
        assert_eq!(again.len(), version.encoded_len());
        assert!(version.version > 0 && version.owner.is_none_or(|owner| (1..=MAX_OWNER).contains(&owner.len())));
        let contents = version.to_contents();
        assert_eq!(Version::of(&contents, version.version, version.created, version.modified), version);
    }
}

/// Each flip is a bit position, modulo the length.
fn of_file(file: &[u8], flips: &[u8]) {
    let id = SessionId::parse("session-1").expect("an id");
    let slots = match Slots::parse(file, &id) {
        Ok(slots) => slots,
        Err(Error::Corrupt(reason)) => return assert!(!reason.is_empty()),
        Err(other) => panic!("{other:?}"),
    };
    let slot_size = (slots.head().file_len() - SECTOR) / SLOTS;
    let starts: Vec<usize> = (0..SLOTS).map(|index| SECTOR + index * slot_size).collect();
    let encoded = slots::encode(&slots.head(), &slots.live());
    let lives = |at: usize| file.get(at..).is_some_and(|slot| slot.starts_with(&encoded));
    assert!(starts.iter().any(|at| lives(*at)), "the live version is in a slot, byte for byte");
    for length in [HEADER, slot_size, slot_size + 1] {
        if let Some(at) = slots.place(length) {
            assert!(starts.contains(&(at as usize)) && length <= slot_size);
            let versions_there = file.get(at as usize..).is_some_and(|slot| slot.starts_with(&encoded));
            assert!(!versions_there || starts.iter().filter(|at| lives(**at)).count() > 1, "the live slot is safe");
        }
    }
    // All valid results: each intact slot alone.
    let whole: Vec<&[u8]> = starts.iter().filter_map(|at| file.get(*at..)).collect();
    for flip in flips.chunks(2) {
        let bit = (usize::from(flip[0]) << 8 | usize::from(*flip.last().unwrap_or(&0))) % (file.len() * 8);
        let mut flipped = file.to_vec();
        flipped[bit / 8] ^= 1 << (bit % 8);
        if let Ok(slots) = Slots::parse(&flipped, &id) {
            let encoded = slots::encode(&slots.head(), &slots.live());
            assert!(whole.iter().any(|slot| slot.starts_with(&encoded)), "bit {bit}");
        }
    }
}

/// A file with correct checksums unless the input says otherwise; a fuzzer would not find one.
fn sealed(data: &[u8]) -> (Vec<u8>, &[u8]) {
    let mut bytes = Bytes(data);
    let (sectors, seed, proof, choices) = (2 + bytes.below(3), bytes.number(), bytes.number(), bytes.byte());
    let flips = bytes.take(8);
    let mut file = vec![0; SECTOR + SLOTS * sectors * SECTOR];
    file[..8].copy_from_slice(b"session3");
    file[8] = 1;
    file[12] = sectors as u8;
    file[16..24].copy_from_slice(&seed.to_le_bytes());
    let checksum = xxh3_64_with_seed(&file[..24], 0).to_le_bytes();
    file[24..32].copy_from_slice(&checksum);
    file[64..72].copy_from_slice(&proof.to_le_bytes());
    let proof_hash = xxh3_64_with_seed(&proof.to_le_bytes(), seed);
    file[72..80].copy_from_slice(&(if choices & 1 == 0 { proof_hash } else { 0 }).to_le_bytes());
    file[80..88].copy_from_slice(&xxh3_64_with_seed(b"session-1", seed).to_le_bytes());
    for slot in file[SECTOR..].chunks_mut(sectors * SECTOR) {
        let content = bytes.block();
        let content = &content[..content.len().min(slot.len() - 8)];
        slot[8..8 + content.len()].copy_from_slice(content);
        if !content.is_empty() {
            seal(slot, seed);
        }
    }
    if choices & 2 != 0 {
        file.truncate(SECTOR + usize::from(choices) * 8);
    }
    (file, flips)
}

/// Corrects the checksum for the length that a slot announces. An impossible length is replaced.
fn seal(slot: &mut [u8], seed: u64) {
    let Some(length) = slot.get(8..12).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]) as usize) else {
        return;
    };
    let length = if (HEADER..=slot.len()).contains(&length) { length } else { slot.len() };
    slot[8..12].copy_from_slice(&(length as u32).to_le_bytes());
    let checksum = xxh3_64_with_seed(&slot[8..length], seed).to_le_bytes();
    slot[..8].copy_from_slice(&checksum);
}
