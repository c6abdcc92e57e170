//! A Wasmtime host for session components.
//!
//! The file-backed component keeps sessions in files of a preopened directory. WASI provides everything it needs except
//! locks. This crate adds them to any linker ([`add_to_linker`]), and has the types to call the component
//! ([`bindings`]). Everything else is Wasmtime's.
//!
//! The component also reports what happens to sessions. Give each instance an [`EventSink`] to receive these events
//! ([`events`]), or drop them with [`ignore_events`].
//!
//! # Example
//!
//! This is `examples/embed`, complete:
//!
#![doc = concat!("```no_run\n", include_str!("../../examples/embed/src/main.rs"), "```")]
//!
//! # The end of an instance
//!
//! An instance owns its locks. They are released when it drops its guards and, at the latest, when its
//! [`Store`](wasmtime::Store) is dropped, which drops the [`LocksCtx`]. After a trap, or after a call whose future was
//! dropped (a timeout), the guest never runs again and drops nothing: drop the store at once.
//!
//! The contract also guarantees that no write of the instance lands after that. This requires
//! [`allow_blocking_current_thread(true)`], called *before* `preopened_dir`, which copies the setting. Otherwise each
//! file operation runs on another thread, where it cannot be cancelled: a call is dropped during a write, its store is
//! dropped, another instance gets the lock, and then the write of the first one lands. With the setting, the operation
//! runs inside the call and completes before anything can be dropped. In return it blocks a worker thread of Tokio for
//! as long as the disk takes.
//!
//! Output streams of `wasi:filesystem` are written on other threads with either setting. The session component does not
//! use them; nor should an instance that needs this guarantee for its own files.
//!
//! [`allow_blocking_current_thread(true)`]: wasmtime_wasi::WasiCtxBuilder::allow_blocking_current_thread

#![forbid(unsafe_code)]
// Output belongs to the embedder.
#![cfg_attr(not(test), deny(clippy::print_stdout, clippy::print_stderr))]

#[expect(missing_docs, reason = "generated; its documentation is in the WIT files")]
pub mod bindings;
pub mod engines;
pub mod events;
pub mod locks;
mod shown;

pub use events::{EventLog, EventSink, EventsCtx, EventsView, add_to_linker as add_events_to_linker, ignore_events};
pub use locks::{LockSpace, Locks, LocksCtx, LocksCtxBuilder, LocksView, add_to_linker};
pub use shown::Shown;
