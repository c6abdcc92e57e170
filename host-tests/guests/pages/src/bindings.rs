//! The generated bindings of the WIT contract.

wit_bindgen::generate!({ path: "../../../wit", world: "application" });

pub use session3::sessions::session_manager::{
    Access, Configuration, Error, HeaderField, Manager, Options, Session, Value,
};
pub use session3::sessions::session_store::Durability;
