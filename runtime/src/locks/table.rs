//! The queues of one process: who holds what, and who waits for it, in order.
//!
//! Plain data without time, waiting or locks of its own; `space.rs` brings those.

use super::error::Mode;
use super::name::Name;
use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use tokio::sync::oneshot;

/// Who owns locks: one instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Owner(u64);

/// A place at a name, waiting or holding. Later ones are greater, and none is given out twice in this process: what
/// an old ticket stood for cannot be confused with something new.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Ticket(u64);

#[derive(Default)]
pub(super) struct Table {
    /// The names in use; none of these queues is empty.
    pub(super) queues: HashMap<Name, Queue>,
    /// What each owner waits for. It is one name at most, as an instance waits inside one call.
    pub(super) waits: HashMap<Owner, Name>,
}

/// Invariants: an exclusive holder is the only holder; the first waiter does not go with the holders.
#[derive(Default)]
pub(super) struct Queue {
    pub(super) holders: Vec<Holder>,
    /// By ticket: first come, first served.
    pub(super) waiters: VecDeque<Waiter>,
}

#[derive(Clone, Copy)]
pub(super) struct Holder {
    pub(super) ticket: Ticket,
    pub(super) owner: Owner,
    pub(super) mode: Mode,
}

pub(super) struct Waiter {
    /// What it will hold.
    pub(super) holder: Holder,
    granted: oneshot::Sender<()>,
}

impl Owner {
    pub(super) fn new() -> Self {
        Self(next_number())
    }
}

impl Ticket {
    fn new() -> Self {
        Self(next_number())
    }
}

fn next_number() -> u64 {
    static LAST: AtomicU64 = AtomicU64::new(0);
    LAST.fetch_add(1, Relaxed)
}

impl Table {
    /// Take the lock if it is free and nobody waits for it.
    pub(super) fn take(&mut self, owner: Owner, name: Name, mode: Mode) -> Option<Ticket> {
        let free = self.queues.get(&name).is_none_or(|queue| queue.waiters.is_empty() && queue.admits(mode));
        free.then(|| {
            let ticket = Ticket::new();
            self.queues.entry(name).or_default().holders.push(Holder { ticket, owner, mode });
            ticket
        })
    }

    /// Whether `owner`, were it to wait for `name`, would wait for itself.
    ///
    /// Who must wait, waits for every holder: directly when its mode excludes theirs, and otherwise the holders are
    /// shared and the first waiter is exclusive, so it waits for them through that one. Other waiters need no look:
    /// they lead to the same holders, and none of them is `owner`, who is here and not waiting.
    pub(super) fn would_deadlock(&self, owner: Owner, name: Name) -> bool {
        let mut seen = HashSet::from([name]);
        let mut open = vec![name];
        while let Some(name) = open.pop() {
            for holder in self.queues.get(&name).into_iter().flat_map(|queue| &queue.holders) {
                if holder.owner == owner {
                    return true;
                }
                open.extend(self.waits.get(&holder.owner).filter(|&&next| seen.insert(next)));
            }
        }
        false
    }

    /// How many wait for a name.
    pub(super) fn waiters(&self, name: Name) -> usize {
        self.queues.get(&name).map_or(0, |queue| queue.waiters.len())
    }

    /// Wait behind all others. The receiver hears when the lock is granted.
    pub(super) fn enqueue(&mut self, owner: Owner, name: Name, mode: Mode) -> (Ticket, oneshot::Receiver<()>) {
        let ticket = Ticket::new();
        let (granted, hears) = oneshot::channel();
        let waiter = Waiter { holder: Holder { ticket, owner, mode }, granted };
        self.queues.entry(name).or_default().waiters.push_back(waiter);
        self.waits.insert(owner, name);
        (ticket, hears)
    }

    /// Give up a place, waiting or holding. `grant` must follow.
    pub(super) fn leave(&mut self, name: Name, ticket: Ticket) {
        let Some(queue) = self.queues.get_mut(&name) else {
            return;
        };
        if let Ok(index) = queue.waiters.binary_search_by_key(&ticket, |waiter| waiter.holder.ticket) {
            if let Some(waiter) = queue.waiters.remove(index) {
                self.waits.remove(&waiter.holder.owner);
            }
        } else {
            queue.holders.retain(|holder| holder.ticket != ticket);
        }
    }

    /// Give the lock to those at the head of the queue who can have it now.
    pub(super) fn grant(&mut self, name: Name) {
        let Some(queue) = self.queues.get_mut(&name) else {
            return;
        };
        while let Some(waiter) = queue.next_admitted() {
            self.waits.remove(&waiter.holder.owner);
            queue.holders.push(waiter.holder);
            // When nobody hears it, the wait was given up just now, and its `leave` passes the lock on.
            let _ = waiter.granted.send(());
        }
        if queue.holders.is_empty() {
            self.queues.remove(&name);
        }
    }
}

impl Queue {
    /// Whether the holders leave room for one more.
    pub(super) fn admits(&self, mode: Mode) -> bool {
        match mode {
            Mode::Exclusive => self.holders.is_empty(),
            Mode::Shared => self.holders.iter().all(|holder| holder.mode == Mode::Shared),
        }
    }

    fn next_admitted(&mut self) -> Option<Waiter> {
        let mode = self.waiters.front()?.holder.mode;
        self.admits(mode).then(|| self.waiters.pop_front())?
    }
}
