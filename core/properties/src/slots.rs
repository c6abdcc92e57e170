//! Saves, some durable, and power cuts, in any order: no acknowledged save is lost, no partial one is read.

use std::collections::{BTreeMap, BTreeSet};

use session_core::SessionId;
use session_core::record::Version;
use session_core::slots::{self, CELL_AT, Head, SECTOR, Slots};

use crate::bytes::Bytes;

pub fn holds(data: &[u8]) {
    let mut bytes = Bytes(data);
    let mut disk = Disk::new(bytes.number(), bytes.block());
    while !bytes.is_empty() {
        match bytes.below(4) {
            0 => disk.save(bytes.block(), true),
            1 | 2 => disk.save(bytes.block(), false),
            _ => disk.power_cut(&mut bytes),
        }
        disk.check();
    }
}

/// One session's file, and its expected contents.
struct Disk {
    id: SessionId,
    file: Vec<u8>,
    /// The data of each version.
    versions: BTreeMap<u64, Vec<u8>>,
    /// The newest version that a durable save has acknowledged.
    proven: u64,
    /// Ranges that were written and not synced, with what was there before.
    unsynced: Vec<(usize, Vec<u8>)>,
}

impl Disk {
    fn new(seed: u64, data: &[u8]) -> Self {
        let id = SessionId::parse("session-1").expect("an id");
        let mut disk = Self { id, file: Vec::new(), versions: BTreeMap::new(), proven: 0, unsynced: Vec::new() };
        disk.new_file(seed, 1, data);
        disk
    }

    fn live(&self) -> Version<'_> {
        Slots::parse(&self.file, &self.id).expect("a version").live()
    }

    fn save(&mut self, data: &[u8], durable: bool) {
        let (head, number, place, encoded) = {
            let slots = Slots::parse(&self.file, &self.id).expect("a version");
            let next = version(slots.live().version + 1, data);
            (slots.head(), next.version, slots.place(next.encoded_len()), slots::encode(&slots.head(), &next))
        };
        let Some(at) = place else {
            return self.new_file(number, number, data);
        };
        let range = at as usize..at as usize + encoded.len();
        self.unsynced.push((range.start, self.file[range.clone()].to_vec()));
        self.file[range].copy_from_slice(&encoded);
        self.versions.insert(number, data.to_vec());
        if durable {
            self.prove(&head, number);
        }
    }

    /// A new file takes the name of the old one when it is on the disk.
    fn new_file(&mut self, seed: u64, number: u64, data: &[u8]) {
        let (head, file) = slots::new_file(&self.id, &version(number, data), seed);
        self.file = file;
        self.versions.insert(number, data.to_vec());
        self.prove(&head, number);
    }

    fn prove(&mut self, head: &Head, number: u64) {
        self.unsynced.clear();
        self.proven = number;
        let cell = head.cell(Some(number), &self.id, &self.id);
        self.file[CELL_AT as usize..CELL_AT as usize + cell.len()].copy_from_slice(&cell);
    }

    /// Each sector that was not synced is what it was at some time, or damaged.
    fn power_cut(&mut self, bytes: &mut Bytes) {
        let written = self.file.clone();
        let mut sectors = BTreeSet::new();
        for (start, before) in self.unsynced.drain(..).rev() {
            for (at, byte) in (start..).zip(before) {
                self.file[at] = byte;
                sectors.insert(at / SECTOR);
            }
        }
        for sector in sectors {
            let range = sector * SECTOR..(sector + 1) * SECTOR;
            match bytes.below(4) {
                0 => {}
                1 | 2 => self.file[range.clone()].copy_from_slice(&written[range]),
                _ => self.file[range].fill(bytes.byte()),
            }
        }
        let live = self.live().version;
        self.versions.retain(|version, _| *version <= live);
    }

    fn check(&self) {
        let live = self.live();
        assert!(live.version >= self.proven, "version {} is lost; {} is left", self.proven, live.version);
        assert_eq!(self.versions.get(&live.version).map(Vec::as_slice), Some(live.data), "version {}", live.version);
        assert_eq!(live, version(live.version, live.data));
    }
}

fn version(number: u64, data: &[u8]) -> Version<'_> {
    Version {
        version: number,
        created: 1,
        modified: number,
        owner: (!data.is_empty()).then_some("ann"),
        idle_timeout: Some(number),
        deadline: None,
        data,
    }
}
