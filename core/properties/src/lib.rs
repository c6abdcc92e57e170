//! Shared by the tests of `session-core` and the fuzzers in `fuzz/`: properties that hold for any input, one module per
//! target, and a browser with a site whose store is in memory.

pub mod attributes;
pub mod bytes;
pub mod cookie;
pub mod id;
pub mod memory;
pub mod operations;
pub mod record;
pub mod site;
pub mod slots;
