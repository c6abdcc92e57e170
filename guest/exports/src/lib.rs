//! The exports `session-store` and `session-manager`, for any [`Store`](session_core::store::Store).
//!
//! A component names its store and its world:
//!
//! ```ignore
//! type Exports = guest_exports::Exports<MyStore>;
//! wit_bindgen::generate!({ path: "wit", world: "back-end" });
//! export!(Exports with_types_in guest_exports::bindings);
//! ```
//!
//! It exports what its world does. The types come from this crate, whose world has both interfaces, not from the
//! component's own bindings: the ABI of a value does not depend on the world.
//!
//! | module | contents |
//! |---|---|
//! | `store` | `session-store`, translated |
//! | `manager` | `session-manager`, translated |
//! | `error` | errors, translated |
//! | [`events`] | event reporting: the only module that calls `session-events` |
//! | [`host`] | the clock and random numbers |
//! | [`memory`] | checks for available memory before large allocations |
//! | [`bindings`] | generated bindings of the WIT contract |

#![cfg(target_family = "wasm")]
#![no_std]

extern crate alloc;

#[allow(missing_docs, reason = "generated: `wit/` documents it")]
pub mod bindings;
mod error;
pub mod events;
pub mod host;
mod manager;
pub mod memory;
mod store;

/// The exports of a component whose sessions are in a store `S`.
pub struct Exports<S>(core::marker::PhantomData<S>);
