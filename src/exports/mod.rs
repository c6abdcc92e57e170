//! The WIT interfaces, translated: nothing is decided here.

mod manager;
mod store;

use crate::bindings;

/// The component's exports.
struct Component;

bindings::export!(Component with_types_in bindings);
