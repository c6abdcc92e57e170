//! What the manager runs on: here, files. `exports::manager` and `events` are also the other component's,
//! `components/session-manager`, where it is somebody else's store.

pub use crate::directory::now;
pub use crate::guard::Guard;
pub use crate::store::{Store, random_16};
