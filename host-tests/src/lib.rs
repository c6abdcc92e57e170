//! Test support beyond `session-conformance`: the component on failing hosts, simulated and real, over HTTP and in a
//! browser.
//!
//! | module | contents |
//! |---|---|
//! | [`host`] | a directory, a clock, a lock space, and instances of the component on them |
//! | [`events`] | the events that instances report |
//! | [`bundles`] | the ready-made components |
//! | [`calls`] | the host functions an instance calls, and how often |
//! | [`tree`] | the files on the disk |
//! | [`compatibility`] | what was tested, for the README |
//! | `coverage` | code coverage of the component |
//! | [`command`] | the command `session3`, and the example `embed` |
//! | [`lock_files`] | the component `lock-files`, as a provider of locks |
//! | [`mount`] | a directory mounted read-only |
//! | [`operation`] | operations as data, and an in-memory model of their outcomes |
//! | [`performer`] | a client that performs them, and may trap |
//! | [`random`] | reproducible random numbers |
//! | [`worker`] | a client in its own process |
//! | [`guest`] | components for tests only |
//! | [`raw`] | an HTTP client at the byte level |
//! | [`server`] | a running `session3 demo` |
//! | [`stock`] | an application served by stock Wasmtime |
//! | [`sim`] | a simulated machine with faults and power cuts |
//! | [`visitor`] | an HTTP client of the demo |
//! | [`webdriver`] | Chromium as a client of the demo |

#![expect(clippy::missing_panics_doc, reason = "a test kit fails a test by panicking")]

pub mod bundles;
pub mod calls;
pub mod certificates;
pub mod command;
pub mod compatibility;
mod coverage;
pub mod events;
pub mod guest;
pub mod host;
pub mod lock_files;
pub mod mount;
pub mod nginx;
pub mod operation;
pub mod performer;
pub mod postgres;
pub mod random;
pub mod raw;
pub mod redis;
pub mod server;
pub mod sim;
pub mod stock;
pub mod tree;
pub mod visitor;
pub mod webdriver;
pub mod worker;
