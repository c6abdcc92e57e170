//! The test kit for session components: a host for tests, the contract as Rust, and the conformance suite.
//!
//! | module | one idea |
//! |---|---|
//! | [`back_end`] | somebody's component, for the conformance suite |
//! | [`bindings`] | the generated types under short names |
//! | [`client`] | the WIT interfaces as Rust methods |
//! | [`clock`] | a wall clock that a test sets |
//! | [`host`] | a directory, a clock and a lock space, and instances of the component on them |
//! | [`instance`] | one instance |
//! | [`events`] | what instances tell their host |
//! | [`locks`] | what every provider of locks does |
//! | [`bundles`] | the ready-made components |
//! | [`calls`] | which host functions an instance calls, and how often |
//! | [`tree`] | what is on the disk |
//! | [`harness`] | what the conformance suite needs of a host |
//! | [`browser`] | the other end of a cookie |
//! | [`compatibility`] | what was run, for the README |
//! | [`compose`] | a store and the manager as one component |
//! | [`conformance`] | what every implementation of the contract does |
//! | `coverage` | which code of the component runs |
//! | [`check`] | assertions of one line |
//! | [`command`] | the command `session3`, and the example `embed` |
//! | [`mount`] | a directory that becomes read-only |
//! | [`operation`] | operations as data, and a store in memory that says how they are answered |
//! | [`performer`] | a client that does them, and may die of it |
//! | [`random`] | random numbers that come again |
//! | [`worker`] | a client in a process of its own |
//! | [`guest`] | components that only tests need |
//! | [`remote`] | any host of the component, in any language, under the conformance suite |
//! | [`raw`] | a client that sends bytes |
//! | [`server`] | a running `session3 demo` |
//! | [`stock`] | an application served by Wasmtime as it comes |
//! | [`sim`] | a machine in memory that fails and loses power wherever it can |
//! | [`visitor`] | somebody who visits it |
//! | [`webdriver`] | somebody who visits it with Chromium |
//! | [`wait`] | waiting for other processes |
//!
//! The suite is for any component that exports `session-store`, with a manager or without: see [`conformance::run`].
//! [`BackEnd`](back_end::BackEnd) is a harness for it that will do; [`Harness`](harness::Harness) is what another has to
//! bring, such as one with a server that the component needs.

#![expect(clippy::missing_panics_doc, reason = "this is a test kit: it fails a test by a panic")]

pub mod back_end;
pub mod bindings;
pub mod browser;
pub mod bundles;
pub mod calls;
pub mod check;
pub mod client;
pub mod clock;
pub mod command;
pub mod compatibility;
pub mod compose;
pub mod conformance;
mod coverage;
pub mod events;
pub mod guest;
pub mod harness;
pub mod host;
pub mod instance;
pub mod locks;
pub mod mount;
pub mod operation;
pub mod performer;
pub mod random;
pub mod raw;
pub mod remote;
pub mod server;
pub mod sim;
pub mod stock;
pub mod tree;
pub mod visitor;
pub mod wait;
pub mod webdriver;
pub mod worker;
