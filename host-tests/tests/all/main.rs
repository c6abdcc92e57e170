//! The tests that run components: one binary, one module for each subject.

mod adversaries;
mod browser;
mod calls;
mod cli;
mod component;
mod conformance;
mod defects;
mod events;
mod fairness;
mod hostile;
mod hosts;
mod http;
mod kills;
mod kit;
mod late_writes;
mod linearizability;
mod parallel;
mod processes;
mod proofs;
mod restart;
mod scenarios;
mod supply_chain;
mod usage;
