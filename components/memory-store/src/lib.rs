//! Sessions in the memory of an instance: what Session3's `VolatileSessionStore` was, as a component. For tests, for hosts
//! that keep one instance for long, and to start from when writing a back end.
//!
//! It keeps every promise of the contract but one: what it acknowledges survives nothing, whatever the durability. No two
//! instances share anything, and within an instance nobody can wait for a lock: who holds it is who would wait. So a
//! lock that is held answers `deadlock` at once.
//!
//! | module | one idea |
//! |---|---|
//! | `places` | locations, and the sessions at each |
//! | `place` | the sessions at one location: what is there, what is free |
//! | `kept` | one session, and when it is over |
//! | `locks` | who holds which session |
//! | `store` | the operations |
//! | `guard` | the operations on a locked session |
//! | `listing`, `garbage` | walking through all sessions, in steps |
//! | `ids`, `limits` | what an argument must be |
//! | `host` | the clock and random numbers |
//! | `bindings` | the contract's types |

#![cfg(target_family = "wasm")]
#![no_std]

extern crate alloc;

#[expect(unsafe_code, reason = "generated: the canonical ABI passes addresses")]
mod bindings;
mod garbage;
mod guard;
mod host;
mod ids;
mod kept;
mod limits;
mod listing;
mod locks;
mod place;
mod places;
#[expect(unsafe_code, reason = "the canonical ABI's allocator works on raw memory, and functions are linked by name")]
#[path = "../../../src/platform.rs"]
mod platform;
mod store;
