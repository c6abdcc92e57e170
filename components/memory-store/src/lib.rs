//! Sessions in the memory of an instance: Session3's `VolatileSessionStore` as a component. For tests, for hosts with
//! long-lived instances, and as a template for a back end: copy it, and replace the medium behind `store`, `guard` and
//! `listing`. `session_core::store` specifies each operation.
//!
//! It keeps every promise of the contract but one: nothing survives the instance, whatever the durability. Instances
//! share nothing, and within one a wait for a lock could never end, since its holder is the waiter. So a held lock
//! fails with `deadlock` at once.
//!
//! | module | contents |
//! |---|---|
//! | `store` | the operations |
//! | `guard` | the operations on a locked session |
//! | `listing` | open listings |
//! | `place` | the sessions at one location, and their expiry |
//! | `locks` | the holders of each session |

#![cfg(target_family = "wasm")]
#![no_std]

extern crate alloc;

use guest_platform as _;

pub mod guard;
pub mod listing;
pub mod locks;
pub mod place;
pub mod store;

#[cfg(feature = "export")]
mod bindings {
    wit_bindgen::generate!({ path: "../../wit", world: "back-end" });

    type Exports = guest_exports::Exports<crate::store::MemoryStore>;
    export!(Exports with_types_in guest_exports::bindings);
}
