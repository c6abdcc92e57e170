//! Random histories of the table, against a slow and obvious definition of the wait-for graph.

use crate::locks::error::Mode;
use crate::locks::name::Name;
use crate::locks::table::{Holder, Owner, Table, Ticket};
use std::collections::{HashMap, HashSet};

const STEPS: usize = 20_000;
const OWNERS: u64 = 6;
const NAMES: u64 = 4;

#[test]
fn random_histories_keep_the_invariants() {
    for seed in 1..=10 {
        let mut history = History::new(seed);
        for _ in 0..STEPS {
            history.step();
            history.check();
        }
        assert!(history.refused > 100, "only {} deadlocks", history.refused);
    }
}

struct History {
    table: Table,
    owners: Vec<Owner>,
    /// The places of each owner, holding or waiting.
    places: Vec<(Owner, Name, Ticket)>,
    refused: usize,
    random: u64,
}

impl History {
    fn new(seed: u64) -> Self {
        let owners = (0..OWNERS).map(|_| Owner::new()).collect();
        Self { table: Table::default(), owners, places: Vec::new(), refused: 0, random: seed }
    }

    /// Below `limit`, from a linear congruential generator (Knuth's MMIX).
    fn random(&mut self, limit: u64) -> u64 {
        self.random = self.random.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.random >> 33) % limit
    }

    fn step(&mut self) {
        if self.random(5) < 2 && !self.places.is_empty() {
            self.leave();
        } else {
            self.acquire();
        }
    }

    fn leave(&mut self) {
        let index = self.random(self.places.len() as u64) as usize;
        let (_, name, ticket) = self.places.swap_remove(index);
        self.table.leave(name, ticket);
        self.table.grant(name);
    }

    fn acquire(&mut self) {
        let index = self.random(OWNERS) as usize;
        let owner = self.owners[index];
        if self.table.waits.contains_key(&owner) {
            return;
        }
        let name = Name::parse(&self.random(NAMES).to_string()).unwrap();
        let mode = if self.random(2) == 0 { Mode::Shared } else { Mode::Exclusive };
        if let Some(ticket) = self.table.take(owner, name, mode) {
            return self.places.push((owner, name, ticket));
        }
        let refuse = self.table.would_deadlock(owner, name);
        let (ticket, _) = self.table.enqueue(owner, name, mode);
        assert_eq!(refuse, self.has_cycle(), "{owner:?} asks for {name:?} {mode:?}");
        if refuse {
            self.refused += 1;
            self.table.leave(name, ticket);
        } else {
            self.places.push((owner, name, ticket));
        }
    }

    fn check(&self) {
        assert!(!self.has_cycle());
        let mut known = HashSet::new();
        for queue in self.table.queues.values() {
            let exclusive = queue.holders.iter().any(|holder| holder.mode == Mode::Exclusive);
            assert!(!queue.holders.is_empty(), "waiters without a holder");
            assert!(!exclusive || queue.holders.len() == 1, "not excluded");
            assert!(
                queue.waiters.front().is_none_or(|first| !queue.admits(first.holder.mode)),
                "a compatible waiter was not granted"
            );
            assert!(queue.waiters.iter().map(|waiter| waiter.holder.ticket).is_sorted(), "out of order");
            known.extend(queue.holders.iter().chain(queue.waiters.iter().map(|w| &w.holder)).map(|h| h.ticket));
        }
        assert_eq!(known, self.places.iter().map(|place| place.2).collect(), "places lost or left over");
    }

    /// Whether an owner waits for itself, directly or through others.
    fn has_cycle(&self) -> bool {
        let edges = self.edges();
        edges.keys().any(|start| {
            let mut open = edges[start].clone();
            let mut seen = HashSet::new();
            while let Some(owner) = open.pop() {
                if owner == *start {
                    return true;
                }
                if seen.insert(owner) {
                    open.extend(edges.get(&owner).into_iter().flatten());
                }
            }
            false
        })
    }

    /// A waiter waits for the holders, and the waiters ahead of it, whose modes exclude its own.
    fn edges(&self) -> HashMap<Owner, Vec<Owner>> {
        let mut edges: HashMap<Owner, Vec<Owner>> = HashMap::new();
        for queue in self.table.queues.values() {
            let mut ahead: Vec<Holder> = queue.holders.clone();
            for waiter in &queue.waiters {
                let excludes = |other: &&Holder| (other.mode, waiter.holder.mode) != (Mode::Shared, Mode::Shared);
                edges.entry(waiter.holder.owner).or_default().extend(ahead.iter().filter(excludes).map(|h| h.owner));
                ahead.push(waiter.holder);
            }
        }
        edges
    }
}
