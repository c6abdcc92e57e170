//! The session manager alone: a component that imports anybody's `session-store` and exports `session-manager`. Compose
//! the two, and applications have sessions on that store.
//!
//! The manager itself is `session-core`, and its translation to WIT the file-backed component's; what is here is the
//! store on the other side of an import.
//!
//! | module | one idea |
//! |---|---|
//! | `store` | a store that is imported |
//! | `guard` | a locked session of it |
//! | `translate` | records and errors as they come from it |
//! | `backend` | what the manager runs on |
//! | `host` | the clock and random numbers |
//! | `exports`, `events`, `memory`, `platform` | shared with the file-backed component |

#![cfg(target_family = "wasm")]
#![no_std]

extern crate alloc;

mod backend;
#[expect(unsafe_code, reason = "generated: the canonical ABI passes addresses")]
mod bindings;
#[path = "../../../src/events.rs"]
mod events;
mod exports;
mod guard;
mod host;
#[path = "../../../src/memory.rs"]
mod memory;
#[expect(unsafe_code, reason = "the canonical ABI's allocator works on raw memory, and functions are linked by name")]
#[path = "../../../src/platform.rs"]
mod platform;
mod store;
mod translate;
