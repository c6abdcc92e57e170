//! Generated bindings of the WIT contract.

wit_bindgen::generate!({ path: "../../wit", world: "application" });

pub use session3::sessions::session_manager::{
    Access, CapPolicy, Client, Configuration, Device, HeaderField, Instant, Manager, Milliseconds, Session, Value,
};
pub use session3::sessions::session_store::{Durability, Error, Options, SessionInfo, Store};
