//! Who sent a request.

use core::net::IpAddr;

use crate::bindings::Client;
use crate::request::Request;

/// The client's address and user agent. The address is in a field that `session3` sets and does not accept from
/// clients, since `wasi:http` does not provide it. Configure another server to do the same.
pub fn of(request: &Request) -> Client {
    Client { address: request.field("x-forwarded-for"), user_agent: request.field("user-agent") }
}

/// Whether the client is known to be on another machine.
pub fn is_elsewhere(request: &Request) -> bool {
    let address = of(request).address.and_then(|address| address.parse::<IpAddr>().ok());
    address.is_some_and(|address| !address.to_canonical().is_loopback())
}
