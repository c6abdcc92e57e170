//! The embedded components, their composition, and the commands that write them to files.

pub mod bundle;
pub mod compose;
pub mod embedded;
