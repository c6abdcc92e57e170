//! The bindings of `advisory-locks`, generated from `wit/`.

wit_bindgen::generate!({
    path: "../../../wit",
    inline: "package tests:adversary; world adversary { import session3:sessions/advisory-locks@0.2.0; }",
    generate_all,
});

pub use session3::sessions::advisory_locks::{Mode, acquire};
