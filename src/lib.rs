//! The file-backed session store: a component that keeps each session as one crash-safe file below a preopened
//! directory, and runs the session manager on top of it.
//!
//! `wit/` is the contract, `session-core` the thinking and `guest-exports` the translation; what is here is the disk.
//!
//! | module | one idea |
//! |---|---|
//! | `directory` | files and directories by their descriptors: the only place that calls `wasi:filesystem` |
//! | `layout` | which file is called what |
//! | `marker` | which store this is, and whether it still is |
//! | `locks` | the locks of sessions: the only place that calls `advisory-locks` |
//! | `setup` | where a store is, and how a directory becomes one |
//! | `found` | a session's file, read |
//! | `store` | the operations |
//! | `guard` | what needs a session's lock: save, rename, delete |
//! | `commit` | how a version gets into a file, and a file to its name |
//! | `owners` | the index from owner to sessions |
//! | `usage` | how much the store holds |
//! | `listing`, `garbage` | walking through all sessions, in steps |
//! | `bindings` | the generated side of the WIT contract |

#![cfg(target_family = "wasm")]
#![no_std]

extern crate alloc;

use guest_platform as _;

mod bindings;
mod commit;
mod directory;
mod found;
mod garbage;
mod guard;
mod layout;
mod listing;
mod locks;
mod marker;
mod owners;
mod setup;
mod store;
mod usage;
