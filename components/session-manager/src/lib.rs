//! The session manager alone: a component that imports anybody's `session-store` and exports `session-manager`. Compose
//! the two, and applications have sessions on that store.
//!
//! The manager itself is `session-core`, and its translation to WIT `guest-exports`; what is here is the store on the other
//! side of an import.
//!
//! | module | one idea |
//! |---|---|
//! | `store` | a store that is imported |
//! | `translate` | records and errors as they go to it and come from it |
//! | `bindings` | the generated side of the WIT contract |

#![cfg(target_family = "wasm")]
#![no_std]

extern crate alloc;

use guest_platform as _;

mod bindings;
mod store;
mod translate;
