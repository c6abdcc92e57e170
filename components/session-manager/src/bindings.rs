//! The exports.

wit_bindgen::generate!({
    path: "../../wit",
    world: "manager",
    generate_all,
});

type Exports = guest_exports::Exports<imported_store::ImportedStore>;
export!(Exports with_types_in guest_exports::bindings);
