//! The pages. Every value goes through maud, which escapes it.

pub mod actions;
pub mod admin;
pub mod assets;
pub mod attributes;
pub mod confirm;
pub mod countdown;
pub mod devices;
pub mod error;
pub mod form;
pub mod home;
mod layout;
pub mod login;
pub mod notes;
mod notice;
mod value;
mod view;
