//! The components that the command carries, composing, and the command that writes them into files.

pub mod bundle;
pub mod compose;
pub mod embedded;
