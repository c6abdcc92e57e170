//! The session manager, over a store in memory.

mod codec;
mod cookies;
mod failures;
mod life;
mod limits;
mod memory;
mod renewal;
mod session3;
mod sharing;
mod site;
