//! Wing and Gong's search for an order of the calls, with Lowe's memory of what has been tried.
//!
//! The crate `stateright` has such a checker, without that memory, and with a web server that it depends on; this one is
//! shorter than what it would have to be told.

use std::collections::HashSet;

use host_tests::operation::{Outcome, Sessions};

use super::history::Call;

/// Says why there is no such order. The sessions are absent at first.
pub fn check(history: &[Call]) -> Result<(), String> {
    assert!(history.len() <= 128, "the set of calls is a number of 128 bits");
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
    /// The sets of calls that were in order, and to what they led.
    seen: HashSet<(u128, Sessions)>,
    furthest: u128,
}

impl Search<'_> {
    /// Whether the calls that are not done can follow in some order.
    fn from(&mut self, done: u128, sessions: &Sessions) -> bool {
        if done.count_ones() > self.furthest.count_ones() {
            self.furthest = done;
        }
        let left = || (0..self.history.len()).filter(|call| done & 1 << call == 0);
        let Some(first_end) = left().map(|call| self.history[call].ended).min() else { return true };
        if !self.seen.insert((done, sessions.clone())) {
            return false;
        }
        // Who began after another had ended comes after it.
        let next: Vec<_> = left().filter(|&call| self.history[call].began < first_end).collect();
        next.into_iter().any(|call| {
            let after = after(&self.history[call], sessions);
            after.iter().any(|sessions| self.from(done | 1 << call, sessions))
        })
    }
}

/// What the sessions may be after a call, if it may come now.
fn after(call: &Call, sessions: &Sessions) -> Vec<Sessions> {
    let mut next = sessions.clone();
    let outcome = next.perform(&call.operation);
    match &call.outcome {
        // Who died has done it or not.
        None => vec![sessions.clone(), next],
        Some(Outcome::Refused(why)) if why == "busy" || why == "deadlock" => vec![sessions.clone()],
        Some(given) if *given == outcome => vec![next],
        Some(_) => vec![],
    }
}
