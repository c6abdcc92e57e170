//! The clients' choice of operations, and further properties of the histories.

use std::collections::{BTreeMap, HashSet};

use host_tests::operation::{Operation, Outcome};
use host_tests::random::Random;

use super::checker;
use super::history::Call;

/// The operations besides loads, saves and touches.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Mix {
    /// None, once the session has been created.
    Saves,
    /// Creates and deletes.
    Lives,
    /// Renames, too.
    Renames,
    /// The same, but never in opposite directions: between processes, only a timeout ends that deadlock.
    RenamesOneWay,
}

/// One client's choice.
pub struct Chooser {
    pub random: Random,
    mix: Mix,
    /// The last seen version of each session.
    seen: BTreeMap<u64, u64>,
}

impl Chooser {
    pub fn new(mix: Mix, seed: u64) -> Self {
        Self { random: Random::new(seed), mix, seen: BTreeMap::new() }
    }

    pub fn next(&mut self) -> Operation {
        let ids = if matches!(self.mix, Mix::Saves | Mix::Lives) { 1 } else { 2 };
        let (id, value) = (self.random.below(ids), self.random.number() >> 16);
        match self.random.below(if self.mix == Mix::Saves { 9 } else { 14 }) {
            0 => Operation::Create { id, value },
            1..4 => Operation::Load { id },
            4..6 => Operation::Save { id, value, expected: None },
            6..8 => Operation::Save { id, value, expected: self.seen.get(&id).copied() },
            8 => Operation::Touch { id },
            9..11 => Operation::Create { id, value },
            11..13 if ids == 1 => Operation::Delete { id },
            11..13 if self.mix == Mix::RenamesOneWay => Operation::Rename { id: 0, to: 1 },
            11..13 => Operation::Rename { id, to: 1 - id },
            _ => Operation::Delete { id },
        }
    }

    pub fn learn(&mut self, operation: &Operation, outcome: &Outcome) {
        let (Operation::Load { id } | Operation::Save { id, .. } | Operation::Create { id, .. }) = operation else {
            return;
        };
        if let Outcome::Saved(version) | Outcome::Created(version) | Outcome::Loaded(Some((version, _))) = outcome {
            self.seen.insert(*id, *version);
        }
    }
}

/// Checks that some order explains a history, and separately the guarantees that follow from that.
pub fn explain(mix: Mix, history: &[Call]) -> Result<(), String> {
    checker::check(history)?;
    match mix {
        Mix::Saves => one_winner_for_each_version(history),
        Mix::Lives => deleted_for_good(history),
        Mix::Renames | Mix::RenamesOneWay => Ok(()),
    }
}

/// Guarantee I4, for one session that is never deleted.
fn one_winner_for_each_version(history: &[Call]) -> Result<(), String> {
    let mut versions = HashSet::new();
    for call in history {
        if let Some(Outcome::Saved(version)) = call.outcome
            && !versions.insert(version)
        {
            return Err(format!("another save was acknowledged as version {version}: {call}"));
        }
    }
    Ok(())
}

/// Guarantee I3, for one session that keeps its id: a version stored before a delete is not loaded after it.
fn deleted_for_good(history: &[Call]) -> Result<(), String> {
    let deletes = history.iter().filter(|call| call.outcome == Some(Outcome::Deleted(true)));
    for delete in deletes {
        for load in history.iter().filter(|call| call.began > delete.ended) {
            let Some(Outcome::Loaded(Some((_, found)))) = load.outcome else { continue };
            let stores = |call: &&Call| matches!(call.operation, Operation::Create { value, .. } | Operation::Save { value, .. } if value == found);
            let stored = history.iter().find(stores).ok_or_else(|| format!("no call stored {load}"))?;
            if stored.ended < delete.began {
                return Err(format!("{load}\nafter {delete}"));
            }
        }
    }
    Ok(())
}
