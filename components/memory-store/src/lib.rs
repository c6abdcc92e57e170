//! Sessions in the memory of an instance: what Session3's `VolatileSessionStore` was, as a component. For tests, for hosts
//! that keep one instance for long, and to start from when writing a back end: copy it, and put another medium behind
//! `store`, `guard` and `listing`. `session_core::store` says what each operation has to do.
//!
//! It keeps every promise of the contract but one: what it acknowledges survives nothing, whatever the durability. No two
//! instances share anything, and within an instance nobody can wait for a lock: who holds it is who would wait. So a
//! lock that is held answers `deadlock` at once.
//!
//! | module | one idea |
//! |---|---|
//! | `store` | the operations |
//! | `guard` | the operations on a locked session |
//! | `listing` | a listing under way |
//! | `place` | the sessions at one location: what is there, what is over |
//! | `locks` | who holds which session |

#![cfg(target_family = "wasm")]
#![no_std]

extern crate alloc;

use guest_platform as _;

mod guard;
mod listing;
mod locks;
mod place;
mod store;

mod bindings {
    wit_bindgen::generate!({ path: "../../wit", world: "back-end" });

    type Exports = guest_exports::Exports<crate::store::MemoryStore>;
    export!(Exports with_types_in guest_exports::bindings);
}
