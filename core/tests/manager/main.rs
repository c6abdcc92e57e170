//! The session manager, over a store in memory.

mod bearer;
mod codec;
mod cookies;
mod devices;
mod failures;
mod flash;
mod grace;
mod increments;
mod life;
mod limits;
mod login;
mod memory;
mod overload;
mod renewal;
mod session3;
mod sharing;
mod site;
mod vanishing;
