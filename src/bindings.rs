//! The generated side of the WIT contract.

wit_bindgen::generate!({
    path: "wit",
    world: "file-backed",
    generate_all,
});
