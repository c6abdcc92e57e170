//! Histories of clients that work on the same sessions at once, some of which die of it: each must be explained by an
//! order in which the calls came one after the other (linearizability), with nothing of the dead after their death.
//!
//! `SEED=n` repeats a run: the operations, who dies and when; on one thread nearly every step.

mod checker;
mod examples;
mod history;
mod processes;
mod threads;
mod workload;
