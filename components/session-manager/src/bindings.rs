//! The generated side of the WIT contract.

use crate::exports::Component;

wit_bindgen::generate!({
    path: "../../wit",
    world: "manager",
    generate_all,
});

export!(Component with_types_in crate::bindings);
