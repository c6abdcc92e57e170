//! A simulated machine that the built, unmodified component runs on: a disk in memory that can fail and lose power at
//! any host call, a clock, random numbers, and the real lock table.
//!
//! | module | one idea |
//! |---|---|
//! | [`disk`] | files and directories in memory, and which changes are not on the medium yet |
//! | [`power`] | everything that a power cut may leave on the medium |
//! | [`fault`] | what can go wrong at one host call |
//! | [`defect`] | deliberate defects, of the machine and in the component |
//! | [`machine`] | disk, clock and random numbers, behind the host functions |
//! | [`client`] | an instance of the component on a machine, for one operation |
//! | [`operations`] | the operations that are explored |
//! | `perform` | performing one through a client |
//! | [`oracle`] | what a store may answer afterwards |
//! | [`explore`] | every sequence, every host call, every fault, every state of the disk |
//! | [`interleave`] | every operation in the middle of every other |
//! | [`script`] | one case as a line of text, to replay it |
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
