//! The memory store with a [`Defect`](defect::Defect), which the location of the store selects. At any other location
//! it behaves like `components/memory-store`.

#![cfg_attr(target_family = "wasm", no_std)]

extern crate alloc;

pub mod defect;

#[cfg(target_family = "wasm")]
mod broken;

#[cfg(target_family = "wasm")]
mod bindings {
    use guest_platform as _;

    wit_bindgen::generate!({ path: "../../../wit", world: "back-end" });

    type Exports = guest_exports::Exports<crate::broken::BrokenStore>;
    export!(Exports with_types_in guest_exports::bindings);
}
