//! The session manager alone: imports any `session-store` and exports `session-manager`, to be composed with a store.
//!
//! The manager itself is `session-core`, its translation to WIT `guest-exports`, the store behind the import
//! `imported-store`.

#![cfg(target_family = "wasm")]
#![no_std]

use guest_platform as _;

mod bindings;
