//! Generated bindings of the WIT contract.

use crate::store::FileStore;

wit_bindgen::generate!({
    path: "wit",
    world: "file-backed",
    generate_all,
});

type Exports = guest_exports::Exports<FileStore>;
export!(Exports with_types_in guest_exports::bindings);
