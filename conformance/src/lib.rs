//! The conformance suite for session stores: one test for each promise of the contract.
//!
//! A store is a component in any language that exports `session-store`, and optionally `session-manager`. Its test runs
//! the suite:
//!
//! ```no_run
//! use session_conformance::{BackEnd, Component};
//!
//! #[test]
//! fn my_store_conforms() {
//!     let wasm = std::fs::read("target/wasm32-wasip2/release/my_store.wasm").unwrap();
//!     let component = Component::new(&wasm).unwrap();
//!     let report = session_conformance::run(|| BackEnd::new(&component)).unwrap();
//!     println!("{report}");
//! }
//! ```
//!
//! Each promise is a function of [`suite`] that runs on an empty [`BackEnd`]: a fresh directory, a clock that the test
//! moves, a lock space, and instances of the component. [`Report::unwrap`] panics with the broken promises:
//!
//! ```text
//! the back end does not conform:
//! FAILED records::a_save_never_creates: None: expected `gone`, got 1
//! 91 passed, 1 failed, 109 not applicable
//! ```
//!
//! A promise that requires a capability the back end lacks is not applicable; the report gives the reason. For sessions
//! in the memory of one instance, use [`BackEnd::in_one_instance`]. A store that imports more than WASI,
//! `advisory-locks` and `session-events`, such as a database, needs its own [`Harness`]: link the component with
//! [`Component::linked`], and create each [`Instance`](instance::Instance) with its [`State`](state::State).
//!
//! | to test | use |
//! |---|---|
//! | a store, and its manager if it has one | [`run`], or [`conformance_tests!`] for one `#[test]` per promise |
//! | the manager on top of a store without one | [`compose::with_manager`], then [`run`] |
//! | a host in any language that runs the component | [`remote`], then [`run`] |
//! | a provider of `advisory-locks` | [`lock_conformance_tests!`] |
//!
//! The suite is built from the other modules, which further tests can use:
//!
//! | module | contents |
//! |---|---|
//! | [`component`] | a compiled and linked component |
//! | [`state`] | the host state of an instance |
//! | [`instance`] | one instance |
//! | [`bindings`] | the generated types under short names |
//! | [`client`] | the WIT interfaces as Rust methods |
//! | [`browser`] | a minimal browser, for cookies |
//! | [`clock`] | a wall clock that a test sets |
//! | [`check`] | one-line assertions |
//! | [`wait`] | waiting with a timeout |
//! | [`harness`] | the interface between the suite and a host |
//! | [`back_end`] | the standard harness |

#![forbid(unsafe_code)]
#![expect(clippy::missing_panics_doc, reason = "a test kit fails a test by panicking")]

pub mod back_end;
pub mod bindings;
pub mod browser;
pub mod check;
pub mod client;
pub mod clock;
pub mod component;
pub mod compose;
pub mod harness;
pub mod instance;
pub mod locks;
pub mod remote;
pub mod state;
pub mod suite;
pub mod wait;

pub use back_end::BackEnd;
pub use component::Component;
pub use harness::{Harness, Need};
pub use suite::{Outcome, Report, run};
