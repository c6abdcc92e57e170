//! The file-backed session store: a component that keeps each session as one crash-safe file below a preopened
//! directory, and runs the session manager on top of it.
//!
//! `wit/` is the contract, `session-core` the logic and `guest-exports` the translation; this crate is the disk.
//!
//! | module | contents |
//! |---|---|
//! | `directory` | files and directories by descriptor: the only module that calls `wasi:filesystem/types` |
//! | `layout` | file names |
//! | `marker` | which store this is, and whether it still is |
//! | `locks` | session locks: the only module that calls `advisory-locks` |
//! | `setup` | locating a store, and setting up a directory as one |
//! | `session_file` | a session's file, read into memory |
//! | `store` | the operations |
//! | `guard` | operations under a session's lock: save, rename, delete |
//! | `commit` | writing a version into a file, and giving a file its name |
//! | `owners` | the index from owner to sessions |
//! | `usage` | the size of the store |
//! | `listing`, `garbage` | walking all sessions, in steps |
//! | `bindings` | generated bindings of the WIT contract |

#![cfg(target_family = "wasm")]
#![no_std]

extern crate alloc;

use guest_platform as _;

mod bindings;
mod commit;
mod directory;
mod garbage;
mod guard;
mod layout;
mod listing;
mod locks;
mod marker;
mod owners;
mod session_file;
mod setup;
mod store;
mod usage;
