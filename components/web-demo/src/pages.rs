//! What is shown. Every value goes through maud, which escapes it.

pub mod actions;
pub mod admin;
pub mod assets;
pub mod attributes;
mod error;
pub mod form;
pub mod home;
mod layout;
mod value;

pub use error::error;
