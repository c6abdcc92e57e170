//! A Wasmtime host for session components.
//!
//! The file-backed component keeps sessions in files of a preopened directory, and WASI has everything it needs but
//! one thing: locks. This crate adds them to any linker ([`add_to_linker`]), and has the types to call the component
//! ([`bindings`]). Everything else is Wasmtime's.
//!
//! The component also tells what happens to sessions. Who wants to hear it gives each instance an [`EventSink`]
//! ([`events`]); who does not calls [`ignore_events`].
//!
//! # Example
//!
//! This is all of `examples/embed`:
//!
#![doc = concat!("```no_run\n", include_str!("../../examples/embed/src/main.rs"), "```")]
//!
//! # The end of an instance
//!
//! An instance owns its locks. They are free when it drops its guards and, at the latest, when its
//! [`Store`](wasmtime::Store) is dropped, which drops the [`LocksCtx`]. After a trap, or when a call was given up (its
//! future dropped, as by a time-out), the guest never runs again and drops nothing: drop the store at once.
//!
//! The contract also says that nothing the instance had begun to write lands after that. It takes
//! [`allow_blocking_current_thread(true)`], called *before* `preopened_dir`, which copies the setting. Without it each
//! operation on a file is a job of another thread, and a job that has started cannot be stopped: a call is given up
//! during a write, its store is dropped, another instance gets the lock, and then the write of the first one lands.
//! With it the operation runs inside the call, and is over before anything can be dropped. The price is that it blocks
//! a worker thread of Tokio for as long as the disk takes.
//!
//! Output streams of `wasi:filesystem` are written by other threads with either setting. The session component does
//! not use them; an instance that must keep the promise for files of its own should not either.
//!
//! [`allow_blocking_current_thread(true)`]: wasmtime_wasi::WasiCtxBuilder::allow_blocking_current_thread

#![forbid(unsafe_code)]
// Who embeds this says what is printed, and where.
#![cfg_attr(not(test), deny(clippy::print_stdout, clippy::print_stderr))]

#[expect(missing_docs, reason = "generated; its documentation is in the WIT files")]
pub mod bindings;
pub mod events;
pub mod locks;
mod shown;

pub use events::{EventLog, EventSink, EventsCtx, EventsView, add_to_linker as add_events_to_linker, ignore_events};
pub use locks::{LockSpace, Locks, LocksCtx, LocksCtxBuilder, LocksView, add_to_linker};
pub use shown::Shown;
