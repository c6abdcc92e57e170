//! Provides `advisory-locks` with files in a preopened directory, on hosts that cannot be extended: `wac plug
//! session_store.wasm --plug lock_files.wasm`. All instances in all processes that see the directory exclude each
//! other.
//!
//! A lock is a file that its holder creates exclusively and removes when done ([`chain`]). Shared holders have a file
//! each in a directory beside it ([`readers`]). The kernel does not remove files when their creator dies, so a lock is
//! a lease: after [`LEASE`](directory::LEASE) an unreleased lock counts as abandoned, and the next caller takes it
//! over.
//!
//! Differences from the contract of a host's locks:
//!
//! - **Every request must end within the lease.** A late holder may not be the only one. This is checked where
//!   possible: an instance whose lease has expired gets no further lock, and removes no file that others rely on. A
//!   host that runs requests for longer must stop them; `wasmtime serve -W timeout=60s` does, but writes on other
//!   threads, so that a write of a stopped request may land slightly later.
//! - The lock of an instance that died without releasing it is free after the lease, not before.
//! - The lease trusts the wall clock, and that it is the one that stamps files. A step forward by more than the lease
//!   expires all leases; a step back prolongs abandoned locks by as much. So does a suspended machine.
//! - Waiters poll every few milliseconds. Between instances only one order is promised: readers do not overtake a
//!   writer that already waits for earlier readers.
//! - Deadlocks between instances are not detected. They end with the timeout of a wait.
//!
//! The files are in the directory `locks`: the preopened directory of that name if there is one, otherwise in the
//! first. Everyone who shares sessions must share it and use no other locks. It may be removed or replaced: a lock is
//! taken in the directory that other callers see. Locks held at that moment exclude no new callers, and their holders
//! get no further lock.

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
