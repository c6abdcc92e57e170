//! Which site a request came from.

use core::net::{Ipv4Addr, Ipv6Addr};

use crate::failure::Failure;
use crate::request::Request;

/// Refuses requests that another site made the browser send. The session's cookie is SameSite=Lax, but other ports and
/// subdomains are the same *site*.
///
/// Browsers send the request's origin and scripts cannot forge it; clients without these fields are not browsers, so
/// another site cannot use them.
pub fn refuse_cross_site(request: &Request) -> Result<(), Failure> {
    let is_ours = match (request.field("sec-fetch-site"), request.field("origin")) {
        (Some(site), _) => site == "same-origin" || site == "none",
        (None, Some(origin)) => is_same_authority(&origin, &request.authority),
        (None, None) => true,
    };
    if is_ours {
        Ok(())
    } else {
        Err(Failure::refused(403, "This request came from another site. Nothing was changed."))
    }
}

/// Whether an origin names this authority. The scheme is ignored: behind a proxy, ours is not the browser's.
fn is_same_authority(origin: &str, authority: &str) -> bool {
    let (theirs, default_port) = match (origin.strip_prefix("http://"), origin.strip_prefix("https://")) {
        (Some(theirs), _) => (theirs, ":80"),
        (_, Some(theirs)) => (theirs, ":443"),
        _ => return false, // "null": from a sandbox, or hidden
    };
    let ours = authority.strip_suffix(default_port).unwrap_or(authority);
    !ours.is_empty() && theirs.eq_ignore_ascii_case(ours)
}

/// Whether the request names the client's own machine, where plain http cannot be intercepted.
pub fn is_loopback(authority: &str) -> bool {
    if let Some(rest) = authority.strip_prefix('[') {
        let host = rest.split_once(']').map_or("", |(host, _)| host);
        return host.parse().is_ok_and(|address: Ipv6Addr| address.is_loopback());
    }
    let host = authority.split_once(':').map_or(authority, |(host, _)| host);
    let is_localhost = host.rsplit('.').next().is_some_and(|last| last.eq_ignore_ascii_case("localhost"));
    // Parsed, because "127.0.0.1.example.com" belongs to another site.
    is_localhost || host.parse().is_ok_and(|address: Ipv4Addr| address.is_loopback())
}
