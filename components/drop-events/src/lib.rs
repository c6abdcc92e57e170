//! Provides `session-events` and discards them, on a host that cannot be extended: `wac plug session_store.wasm --plug
//! drop_events.wasm` satisfies the import.

#![cfg(target_family = "wasm")]
#![no_std]

extern crate alloc;

use guest_platform as _;

#[expect(unsafe_code, reason = "generated: the canonical ABI passes addresses")]
mod bindings;

use alloc::string::String;

use bindings::exports::session3::sessions::session_events::{Event, Guest, Operation};

struct DropEvents;

impl Guest for DropEvents {
    fn emit(_: Option<String>, _: Event) {}
    fn begin(_: Operation) {}
    fn end() {}
}
