//! The conformance suite for session stores: one test for each promise of the contract.
//!
//! A store is a component that exports `session-store`, in any language, with a `session-manager` or without. A test of
//! it runs the suite:
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
//! Each promise is a function of [`suite`] and gets an empty [`BackEnd`]: a fresh directory, a clock that the test moves,
//! a lock space, and instances of the component on them. `unwrap` panics with the promises that are broken:
//!
//! ```text
//! the back end does not conform:
//! FAILED records::a_save_never_creates: None: expected `gone`, got 1
//! 88 passed, 1 failed, 109 not applicable
//! ```
//!
//! A promise about something that the back end does not have is not applicable, and the report says why. Where the
//! sessions are in the memory of one instance, use [`BackEnd::in_one_instance`]. A store that needs more of its host than
//! WASI, `advisory-locks` and `session-events`, such as a database, comes with a [`Harness`] of its own: link the
//! component with [`Component::linked`], and make each [`Instance`](instance::Instance) with its
//! [`State`](state::State).
//!
//! | to test | use |
//! |---|---|
//! | a store, and its manager if it has one | [`run`], or [`conformance_tests!`] for a `#[test]` of each promise |
//! | the manager on top of a store that has none | [`compose::with_manager`], then [`run`] |
//! | a host in any language that runs the component | [`remote`], then [`run`] |
//! | a provider of `advisory-locks` | [`lock_conformance_tests!`] |
//!
//! The other modules are what the suite is written with, and tests beside it can use:
//!
//! | module | one idea |
//! |---|---|
//! | [`component`] | a component, compiled and linked |
//! | [`state`] | what an instance has of its host |
//! | [`instance`] | one instance |
//! | [`bindings`] | the generated types under short names |
//! | [`client`] | the WIT interfaces as Rust methods |
//! | [`browser`] | the other end of a cookie |
//! | [`clock`] | a wall clock that a test sets |
//! | [`check`] | assertions of one line |
//! | [`wait`] | waiting with an end |
//! | [`harness`] | what the suite needs of a host |
//! | [`back_end`] | the harness that does for most |

#![forbid(unsafe_code)]
#![expect(clippy::missing_panics_doc, reason = "this is a test kit: it fails a test by a panic")]

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
