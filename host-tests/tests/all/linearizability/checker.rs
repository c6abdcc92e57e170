//! Wing and Gong's search for a linearization, with Lowe's memoization.
//!
//! The crate `stateright` has such a checker, without memoization and with a web server as a dependency; this one is
//! shorter than an adapter to it.

use std::collections::HashSet;

use host_tests::operation::{Outcome, Sessions};

use super::history::Call;

/// Fails if there is no such order. The sessions are absent at first.
pub fn check(history: &[Call]) -> Result<(), String> {
    assert!(history.len() <= 128, "the set of calls is a 128-bit integer");
    let mut search = Search { history, seen: HashSet::new(), furthest: 0 };
    if search.from(0, &Sessions::default()) {
        return Ok(());
    }
    let (placed, left): (Vec<_>, Vec<_>) = (0..history.len()).partition(|call| search.furthest & 1 << call != 0);
    let lines = |calls: Vec<usize>| calls.into_iter().map(|call| format!("{}\n", history[call])).collect::<String>();
    Err(format!("no order explains this history. At most\n{}and not\n{}", lines(placed), lines(left)))
}

struct Search<'a> {
    history: &'a [Call],
    /// Sets of calls already ordered, with the resulting state.
    seen: HashSet<(u128, Sessions)>,
    furthest: u128,
}

impl Search<'_> {
    /// Whether the remaining calls can follow in some order.
    fn from(&mut self, done: u128, sessions: &Sessions) -> bool {
        if done.count_ones() > self.furthest.count_ones() {
            self.furthest = done;
        }
        let left = || (0..self.history.len()).filter(|call| done & 1 << call == 0);
        let Some(first_end) = left().map(|call| self.history[call].ended).min() else { return true };
        if !self.seen.insert((done, sessions.clone())) {
            return false;
        }
        // A call that began after another ended comes after it.
        let next: Vec<_> = left().filter(|&call| self.history[call].began < first_end).collect();
        next.into_iter().any(|call| {
            let after = after(&self.history[call], sessions);
            after.iter().any(|sessions| self.from(done | 1 << call, sessions))
        })
    }
}

/// The possible states after a call, if it may come next.
fn after(call: &Call, sessions: &Sessions) -> Vec<Sessions> {
    let mut next = sessions.clone();
    let outcome = next.perform(&call.operation);
    match &call.outcome {
        // A killed call took effect or not.
        None => vec![sessions.clone(), next],
        Some(Outcome::Refused(why)) if why == "busy" || why == "deadlock" => vec![sessions.clone()],
        Some(given) if *given == outcome => vec![next],
        Some(Outcome::Ended) => vec![next],
        Some(_) => vec![],
    }
}
