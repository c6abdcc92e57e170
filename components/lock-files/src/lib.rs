//! Provides `advisory-locks` with files in a preopened directory, on hosts that cannot be extended:
//! `wac plug session_store.wasm --plug lock_files.wasm`. All instances in all processes that see the directory
//! exclude each other.
//!
//! A lock is a file that its holder created exclusively and removes when it is done ([`chain`]). Shared holders have a
//! file each in a directory beside it ([`readers`]). The kernel does not remove files when their maker dies, so a lock
//! is a lease: after [`LEASE`](directory::LEASE) a lock that was not given back counts as abandoned, and the next who
//! asks takes it over.
//!
//! What that means, beside what the contract promises:
//!
//! - **Every request must end within the lease.** Who is late may find that another holds the lock, too. It is checked
//!   where it can be: an instance whose lease has run out gets no further lock, and takes no file away that others rely
//!   on. A host that runs requests for so long has to stop them; `wasmtime serve -W timeout=60s` does, and then writes
//!   on other threads, so that a write of a request that was stopped may land a little later.
//! - The lock of an instance that died without giving it back is free after the lease and not before.
//! - The lease trusts the wall clock, and that it is the one that stamps the files. A step forward by more than the
//!   lease ends all leases; after a step back, abandoned locks stay for as much longer. So does a sleeping machine.
//! - Those who wait look again every few milliseconds. Between instances no order is promised but one: readers who
//!   come after a writer do not overtake it while it waits for the readers before it.
//! - Circles of instances that wait for each other are not seen. They end when a wait does.
//!
//! The files are in the directory `locks`: of the preopened directory named `locks` when there is one, otherwise of the
//! first. Whoever shares sessions has to share that, too, and lock by no other means. It may be removed or replaced: a
//! lock is taken in the directory that others see. Whoever holds one at that moment does not exclude them any more, and
//! gets no further lock.

#![cfg(target_family = "wasm")]
#![no_std]

extern crate alloc;

use guest_platform as _;

#[expect(unsafe_code, reason = "generated: the canonical ABI passes addresses")]
mod bindings;
mod chain;
mod clock;
mod directory;
mod exports;
mod files;
mod held;
mod lock;
mod random;
mod readers;
mod reclaim;
