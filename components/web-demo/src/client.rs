//! Who sent a request.

use core::net::IpAddr;

use crate::bindings::Client;
use crate::http::Request;

/// What the server and the client say. The address is in a field that `session3` writes itself and lets no client write:
/// `wasi:http` does not tell it. Another server has to be set up to do the same.
pub fn of(request: &Request) -> Client {
    Client { address: request.field("x-forwarded-for"), user_agent: request.field("user-agent") }
}

/// Whether it is known to be on another machine.
pub fn is_elsewhere(request: &Request) -> bool {
    let address = of(request).address.and_then(|address| address.parse::<IpAddr>().ok());
    address.is_some_and(|address| !address.to_canonical().is_loopback())
}
