//! The contract as a model: what a store may answer, including all that a crash or an error leaves open.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::operations::{A, B, Operation};
use session_conformance::bindings::{Error, Session};
use session_conformance::check::kind;

/// The sessions as their clients know them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Model {
    sessions: BTreeMap<&'static str, Known>,
}

/// A session as its clients know it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Known {
    /// The data of each version, oldest first.
    pub versions: Vec<Arc<[u8]>>,
    /// The newest version acknowledged as durable.
    pub durable: usize,
    /// The last use.
    pub used: u64,
}

/// What may be lost besides the last operation.
#[derive(Clone, Copy, Debug, Default)]
pub struct Loss {
    /// Relaxed saves and touches: the power was cut, or the medium failed.
    pub saves: bool,
    /// The time of an interrupted operation. It may count as a use of the session, as writing to a file stamps it.
    pub attempted: Option<u64>,
    /// A temporary file may be left behind.
    pub file: bool,
}

/// The expected answer without a fault: a number, or the error.
pub type Expected = Result<u64, &'static str>;

/// The actual answer, or none if the instance died.
pub type Outcome = Option<Result<u64, Error>>;

impl Model {
    /// The model of a session.
    pub fn get(&self, id: &str) -> Option<&Known> {
        self.sessions.get(id)
    }

    /// Adds a session that existed before the exploration.
    pub fn insert(&mut self, id: &'static str, known: Known) {
        self.sessions.insert(id, known);
    }

    /// The newest version of a session, or 1 if it does not exist.
    pub fn version(&self, id: &str) -> u64 {
        self.get(id).map_or(1, |known| known.versions.len() as u64)
    }

    /// The session of an operation.
    pub fn subject(&self, operation: Operation) -> &'static str {
        let (a, b) = (self.get(A).is_some(), self.get(B).is_some());
        let wants_one = operation != Operation::Create;
        if b == wants_one && a != wants_one { B } else { A }
    }

    /// The data that an operation writes, distinct for each version.
    pub fn next_data(&self, id: &str, operation: Operation) -> Vec<u8> {
        let (version, length) = match self.get(id).and_then(|known| known.versions.last().map(|data| (known, data))) {
            Some((known, data)) => (known.versions.len(), data.len()),
            None => (0, 100),
        };
        let length = if operation == Operation::Outgrow { 2 * length + 1500 } else { length };
        (0..length).map(|at| (at as u8).wrapping_mul(7) ^ (version as u8 + 1) ^ id.as_bytes()[8]).collect()
    }

    /// The expected answer of an operation, and the model after it.
    pub fn after(&self, operation: Operation, durable: bool, now: u64) -> (Expected, Self) {
        let id = self.subject(operation);
        let mut after = self.clone();
        let exists = self.get(id).is_some();
        let answer = match operation {
            Operation::Create if exists => Err("already-exists"),
            Operation::Create => {
                let versions = vec![self.next_data(id, operation).into()];
                after.insert(id, Known { versions, durable: 1, used: now });
                Ok(0)
            }
            Operation::Save | Operation::Outgrow => match after.sessions.get_mut(id) {
                None => Err("gone"),
                Some(known) => {
                    known.versions.push(self.next_data(id, operation).into());
                    if durable {
                        known.durable = known.versions.len();
                    }
                    known.used = now;
                    Ok(known.versions.len() as u64)
                }
            },
            Operation::Touch => match after.sessions.get_mut(id) {
                None => Err("gone"),
                Some(known) => {
                    known.used = now;
                    Ok(0)
                }
            },
            Operation::Delete => Ok(after.sessions.remove(id).is_some().into()),
            Operation::Rename => {
                let other = if id == A { B } else { A };
                match (self.get(id), self.get(other)) {
                    (_, Some(_)) => Err("already-exists"),
                    (None, None) => Err("gone"),
                    (Some(known), None) => {
                        after.sessions.remove(id);
                        after.insert(other, Known { used: now, ..known.clone() });
                        Ok(0)
                    }
                }
            }
            Operation::CollectGarbage => Ok(0),
            Operation::DeleteSessionsOf => {
                let count = after.sessions.len();
                after.sessions.clear();
                Ok(count as u64)
            }
        };
        (answer, after)
    }

    /// The possible models after an outcome; an error if the outcome itself is wrong.
    pub fn possible(
        &self,
        operation: Operation,
        durable: bool,
        now: u64,
        outcome: &Outcome,
        faulty: bool,
    ) -> Result<Vec<Self>, String> {
        let (expected, after) = self.after(operation, durable, now);
        let before = || if operation == Operation::DeleteSessionsOf { self.without_some() } else { vec![self.clone()] };
        let answer = match outcome {
            None if faulty => return Ok([before(), vec![after]].concat()),
            None => return Err("the instance trapped".into()),
            Some(answer) => answer.as_ref().map(|answer| *answer).map_err(kind),
        };
        match &answer {
            Ok(number) if Ok(*number) == expected => return Ok(vec![after]),
            Err(error) if Err(error.as_str()) == expected => return Ok(vec![self.clone()]),
            Err(error) if faulty => match error.as_str() {
                "io" | "no-space" | "access-denied" | "other" => return Ok(before()),
                "outcome-unknown" => return Ok([before(), vec![after]].concat()),
                _ => {}
            },
            _ => {}
        }
        Err(format!("it answered {answer:?}, not {expected:?}"))
    }

    /// The models with any subset of the sessions deleted.
    fn without_some(&self) -> Vec<Self> {
        let ids: Vec<_> = self.sessions.keys().copied().collect();
        let subsets = 0..1_usize << ids.len();
        subsets
            .map(|set| {
                let mut some = self.clone();
                let gone = ids.iter().enumerate().filter(|(index, _)| set & 1 << index != 0);
                gone.for_each(|(_, id)| drop(some.sessions.remove(id)));
                some
            })
            .collect()
    }

    /// Whether a load may answer this. The last use is never later than the actual one.
    pub fn allows(&self, id: &str, seen: Option<&Session>, loss: Loss) -> bool {
        match (self.get(id), seen) {
            (None, None) => true,
            (Some(known), Some(seen)) => {
                let version = seen.info.version as usize;
                let newest = known.versions.len();
                let oldest = if loss.saves { known.durable } else { newest };
                (oldest..=newest).contains(&version)
                    && known.versions[version - 1][..] == seen.data[..]
                    && seen.info.last_active <= known.used.max(loss.attempted.unwrap_or(0))
            }
            _ => false,
        }
    }
}
