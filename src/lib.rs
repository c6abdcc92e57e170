//! The file-backed session store: a component that keeps each session as one crash-safe file below a preopened
//! directory, and runs the session manager on top of it.
//!
//! `wit/` is the contract and `session-core` the thinking; what is here is the disk.
//!
//! | module | one idea |
//! |---|---|
//! | `directory` | files and directories by their descriptors: the only place that calls `wasi:filesystem` |
//! | `layout` | which file is called what |
//! | `marker` | which store this is, and whether it still is |
//! | `locks` | the locks of sessions: the only place that calls `advisory-locks` |
//! | `store` | open, set up, create, load, touch |
//! | `guard` | what needs a session's lock: save, rename, delete |
//! | `commit` | how a version gets into a file, and a file to its name |
//! | `owners` | the index from owner to sessions |
//! | `events` | telling the host: the only place that calls `session-events` |
//! | `backend` | what the manager runs on |
//! | `usage` | how much the store holds |
//! | `memory` | whether there is memory for what is to come |
//! | `listing`, `garbage` | walking through all sessions, in steps |
//! | `exports` | the WIT interfaces, translated |

#![cfg(target_family = "wasm")]
#![no_std]

extern crate alloc;

mod backend;
#[expect(unsafe_code, reason = "generated: the canonical ABI passes addresses")]
mod bindings;
mod commit;
mod directory;
mod events;
mod exports;
mod garbage;
mod guard;
mod layout;
mod listing;
mod locks;
mod marker;
mod memory;
mod owners;
#[expect(unsafe_code, reason = "the canonical ABI's allocator works on raw memory, and functions are linked by name")]
mod platform;
mod store;
mod usage;
