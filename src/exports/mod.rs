//! The WIT interfaces, translated: nothing is decided here.

mod error;
mod manager;
mod store;

/// The component's exports.
pub struct Component;
