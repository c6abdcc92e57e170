//! The WIT interface, translated by the files of the file-backed component.

#[path = "../../../src/exports/error.rs"]
mod error;
#[path = "../../../src/exports/manager.rs"]
#[expect(clippy::useless_conversion, reason = "the other component has options of its own")]
mod manager;

/// The component's exports.
pub struct Component;
