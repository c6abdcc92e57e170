//! The exports `session-store` and `session-manager`, for whatever implements [`Store`](session_core::store::Store).
//!
//! A component says which store is behind them, and which world it is:
//!
//! ```ignore
//! type Exports = guest_exports::Exports<MyStore>;
//! wit_bindgen::generate!({ path: "wit", world: "back-end" });
//! export!(Exports with_types_in guest_exports::bindings);
//! ```
//!
//! It exports what its world does. The types come from here, where the world has both interfaces, and its own are not used:
//! how a value is passed does not depend on the world.
//!
//! | module | one idea |
//! |---|---|
//! | `store` | `session-store`, translated |
//! | `manager` | `session-manager`, translated |
//! | `error` | errors, translated |
//! | [`events`] | telling the host: the only place that calls `session-events` |
//! | [`host`] | the clock and random numbers |
//! | [`memory`] | whether there is memory for what is to come |
//! | [`bindings`] | the generated side of the WIT contract |

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

/// What a component exports whose sessions are in such a store.
pub struct Exports<S>(core::marker::PhantomData<S>);
