//! The session manager, over a store in memory.

mod alarms;
mod attribute_lifetimes;
mod bearer;
mod codec;
mod cookies;
mod devices;
mod endings;
mod failures;
mod flash;
mod increments;
mod life;
mod limits;
mod login;
mod lost_responses;
mod merges;
mod overload;
mod renewal;
mod second_login;
mod session3;
mod several_cookies;
mod sharing;
mod succession;
mod users;

use session_properties::{memory, site};
