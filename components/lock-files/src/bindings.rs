//! Generated bindings of the WIT contract.

use crate::exports::LockFiles;

wit_bindgen::generate!({ path: "../../wit", world: "lock-files" });

export!(LockFiles with_types_in crate::bindings);
