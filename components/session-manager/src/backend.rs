//! What the manager runs on: a store that is imported.

pub use crate::guard::Guard;
pub use crate::host::{now, random_16};
pub use crate::store::Store;
