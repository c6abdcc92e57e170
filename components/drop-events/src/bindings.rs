//! Generated bindings of the WIT contract.

use crate::DropEvents;

wit_bindgen::generate!({ path: "../../wit", world: "drop-events" });

export!(DropEvents with_types_in crate::bindings);
