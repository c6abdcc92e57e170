//! The lock table of one process: the holders of each name, and its waiters in order.
//!
//! Plain data without time, waiting or synchronization; `space.rs` adds those.

use super::error::Mode;
use super::name::Name;
use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use tokio::sync::oneshot;

/// An owner of locks: one instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Owner(u64);

/// A place in a queue, waiting or holding. Tickets increase and are never reused in this process, so a stale one cannot
/// be mistaken for a new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Ticket(u64);

#[derive(Default)]
pub(super) struct Table {
    /// The queues of names in use; none is empty.
    pub(super) queues: HashMap<Name, Queue>,
    /// The name that each owner waits for: at most one, as an instance waits inside one call.
    pub(super) waits: HashMap<Owner, Name>,
}

/// Invariants: an exclusive holder is the only holder; the first waiter is incompatible with the holders.
#[derive(Default)]
pub(super) struct Queue {
    pub(super) holders: Vec<Holder>,
    /// Sorted by ticket: FIFO.
    pub(super) waiters: VecDeque<Waiter>,
}

#[derive(Clone, Copy)]
pub(super) struct Holder {
    pub(super) ticket: Ticket,
    pub(super) owner: Owner,
    pub(super) mode: Mode,
}

pub(super) struct Waiter {
    /// The holder it becomes.
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
    /// Take the lock if it is free and has no waiters.
    pub(super) fn take(&mut self, owner: Owner, name: Name, mode: Mode) -> Option<Ticket> {
        let free = self.queues.get(&name).is_none_or(|queue| queue.waiters.is_empty() && queue.admits(mode));
        free.then(|| {
            let ticket = Ticket::new();
            self.queues.entry(name).or_default().holders.push(Holder { ticket, owner, mode });
            ticket
        })
    }

    /// Whether `owner` would wait for itself if it waited for `name`.
    ///
    /// A waiter waits for every holder: directly if its mode excludes theirs; otherwise the holders are shared and the
    /// first waiter is exclusive, so it waits for them through that one. Other waiters need no check: they lead to the
    /// same holders, and none of them is `owner`, which is not waiting.
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

    /// The number of waiters for a name.
    pub(super) fn waiters(&self, name: Name) -> usize {
        self.queues.get(&name).map_or(0, |queue| queue.waiters.len())
    }

    /// Enqueue behind all waiters. The receiver resolves when the lock is granted.
    pub(super) fn enqueue(&mut self, owner: Owner, name: Name, mode: Mode) -> (Ticket, oneshot::Receiver<()>) {
        let ticket = Ticket::new();
        let (granted, receiver) = oneshot::channel();
        let waiter = Waiter { holder: Holder { ticket, owner, mode }, granted };
        self.queues.entry(name).or_default().waiters.push_back(waiter);
        self.waits.insert(owner, name);
        (ticket, receiver)
    }

    /// Remove a waiter or holder. `grant` must follow.
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

    /// Grant the lock to the waiters at the head of the queue that are compatible with the holders.
    pub(super) fn grant(&mut self, name: Name) {
        let Some(queue) = self.queues.get_mut(&name) else {
            return;
        };
        while let Some(waiter) = queue.next_admitted() {
            self.waits.remove(&waiter.holder.owner);
            queue.holders.push(waiter.holder);
            // If the receiver is gone, the wait was dropped just now, and its `leave` passes the lock on.
            let _ = waiter.granted.send(());
        }
        if queue.holders.is_empty() {
            self.queues.remove(&name);
        }
    }
}

impl Queue {
    /// Whether a holder of this mode is compatible with the holders.
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
