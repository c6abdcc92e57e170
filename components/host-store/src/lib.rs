//! Sessions in a store that the host implements, on a server: imports `session-store`, and exports it with
//! `session-manager` on top, so that it takes the place of the file-backed component.
//!
//! It is all `guest-exports` on `imported-store`. A component cannot export an import directly.

#![cfg(target_family = "wasm")]
#![no_std]

use guest_platform as _;

mod bindings {
    wit_bindgen::generate!({ path: "../../wit", world: "host-store", generate_all });

    type Exports = guest_exports::Exports<imported_store::ImportedStore>;
    export!(Exports with_types_in guest_exports::bindings);
}
