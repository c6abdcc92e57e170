//! A simulated machine for the built, unmodified component: an in-memory disk that can fail or lose power at any host
//! call, a clock, random numbers, and the real lock table.
//!
//! | module | contents |
//! |---|---|
//! | [`disk`] | files and directories in memory, and the changes not yet on the medium |
//! | [`power`] | the states of the medium that a power cut may leave |
//! | [`fault`] | the faults of one host call |
//! | [`defect`] | deliberate defects, of the machine and in the component |
//! | [`machine`] | disk, clock and random numbers behind the host functions |
//! | [`client`] | an instance of the component on a machine, for one operation |
//! | [`operations`] | the explored operations |
//! | `perform` | performing one through a client |
//! | [`oracle`] | what a store may answer afterwards |
//! | [`explore`] | every sequence, host call, fault and state of the disk |
//! | [`interleave`] | every operation in the middle of every other |
//! | [`script`] | a case as a line of text, for replay |
//!
//! The models of the medium are those of SQLite's crash tests and of ALICE (Pillai et al., OSDI 2014).

pub mod client;
pub mod defect;
pub mod disk;
pub mod explore;
pub mod fault;
pub mod interleave;
pub mod machine;
pub mod operations;
pub mod oracle;
mod perform;
pub mod power;
pub mod script;
