//! The session manager alone: imports any `session-store` and exports `session-manager`, to be composed with a store.
//!
//! The manager itself is `session-core`, its translation to WIT `guest-exports`; this crate is the store behind the
//! import.
//!
//! | module | contents |
//! |---|---|
//! | `store` | the imported store |
//! | `translate` | conversion of its arguments, records and errors |
//! | `bindings` | generated bindings of the WIT contract |

#![cfg(target_family = "wasm")]
#![no_std]

extern crate alloc;

use guest_platform as _;

mod bindings;
mod store;
mod translate;
