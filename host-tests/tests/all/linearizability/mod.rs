//! Histories of concurrent clients on the same sessions, some of which die in a call: each must be linearizable, with
//! no effect of a client after its death.
//!
//! `SEED=n` repeats a run: operations, deaths and their times; on one thread nearly every step.

pub(super) mod checker;
mod examples;
pub(super) mod history;
mod processes;
mod threads;
mod workload;
