//! The import `session-store` as a [`Store`](session_core::store::Store): for components on top of another store.
//!
//! | module | contents |
//! |---|---|
//! | `store` | the imported store |
//! | `translate` | conversion of its arguments, records and errors |
//! | `bindings` | generated bindings of the WIT contract |

#![cfg(target_family = "wasm")]
#![no_std]

extern crate alloc;

mod bindings;
mod store;
mod translate;

pub use store::ImportedStore;
