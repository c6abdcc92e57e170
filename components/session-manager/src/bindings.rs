//! Generated bindings of the WIT contract.

use crate::store::ImportedStore;

wit_bindgen::generate!({
    path: "../../wit",
    world: "manager",
    generate_all,
});

type Exports = guest_exports::Exports<ImportedStore>;
export!(Exports with_types_in guest_exports::bindings);
