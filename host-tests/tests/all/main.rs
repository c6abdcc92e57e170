//! The tests that run components: one binary, one module per subject.

// Parts of components are compiled into it, and refer to it.
extern crate alloc;

mod adversaries;
mod broken_stores;
mod browser;
mod bundles;
mod calls;
mod cli;
mod component;
mod conformance;
mod defects;
mod embed;
mod engines;
mod events;
mod fairness;
mod faults;
mod fleet;
mod hostile;
mod hosts;
mod http;
mod kills;
mod kit;
mod late_writes;
mod linearizability;
mod locks;
mod many;
mod memory;
mod parallel;
mod processes;
mod proofs;
mod replaced;
mod restart;
mod scenarios;
mod spin;
mod supply_chain;
mod tls;
mod usage;
