//! What the tests of this project need beside `session-conformance`: its component on hosts that fail, simulated and real
//! ones, over HTTP and in a browser.
//!
//! | module | one idea |
//! |---|---|
//! | [`host`] | a directory, a clock and a lock space, and instances of the component on them |
//! | [`events`] | what instances tell their host |
//! | [`bundles`] | the ready-made components |
//! | [`calls`] | which host functions an instance calls, and how often |
//! | [`tree`] | what is on the disk |
//! | [`compatibility`] | what was run, for the README |
//! | `coverage` | which code of the component runs |
//! | [`command`] | the command `session3`, and the example `embed` |
//! | [`lock_files`] | the component `lock-files`, as a provider of locks |
//! | [`mount`] | a directory that becomes read-only |
//! | [`operation`] | operations as data, and a store in memory that says how they are answered |
//! | [`performer`] | a client that does them, and may die of it |
//! | [`random`] | random numbers that come again |
//! | [`worker`] | a client in a process of its own |
//! | [`guest`] | components that only tests need |
//! | [`raw`] | a client that sends bytes |
//! | [`server`] | a running `session3 demo` |
//! | [`stock`] | an application served by Wasmtime as it comes |
//! | [`sim`] | a machine in memory that fails and loses power wherever it can |
//! | [`visitor`] | somebody who visits it |
//! | [`webdriver`] | somebody who visits it with Chromium |

#![expect(clippy::missing_panics_doc, reason = "this is a test kit: it fails a test by a panic")]

pub mod bundles;
pub mod calls;
pub mod command;
pub mod compatibility;
mod coverage;
pub mod events;
pub mod guest;
pub mod host;
pub mod lock_files;
pub mod mount;
pub mod operation;
pub mod performer;
pub mod random;
pub mod raw;
pub mod server;
pub mod sim;
pub mod stock;
pub mod tree;
pub mod visitor;
pub mod webdriver;
pub mod worker;
