//! The client's address for the component: `wasi:http` does not provide it, so it goes into a header field that only
//! the server can set.

use hyper::header::{FORWARDED, HeaderMap, HeaderName, HeaderValue};
use std::net::{IpAddr, SocketAddr};

/// Holds one address and nothing else.
const FIELD: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Set the address in the fields of a request: that of the connection or, with `trust_forwarded`, the one the proxy has
/// added. All other forwarding fields are removed, so a component need not decide which to trust.
pub fn set(fields: &mut HeaderMap, peer: Option<IpAddr>, trust_forwarded: bool) {
    let forwarded = if trust_forwarded { forwarded(fields) } else { None };
    let removed: Vec<_> = fields.keys().filter(|name| is_forwarding_field(name)).cloned().collect();
    for name in removed {
        fields.remove(name);
    }
    if let Some(address) = forwarded.or(peer) {
        let address = address.to_canonical().to_string();
        fields.insert(FIELD, HeaderValue::try_from(address).expect("an address is printable ASCII"));
    }
}

/// CGI-style gateways treat `_` as `-`.
fn is_forwarding_field(name: &HeaderName) -> bool {
    let name = name.as_str().replace('_', "-");
    name.starts_with("x-forwarded-") || name == FORWARDED.as_str() || name == "x-real-ip"
}

/// The last address, which the proxy added. Earlier ones may come from the client.
fn forwarded(fields: &HeaderMap) -> Option<IpAddr> {
    let last = fields.get_all(FIELD).iter().next_back()?.to_str().ok()?;
    let last = last.rsplit(',').next()?.trim();
    last.parse().ok().or_else(|| last.parse().ok().map(|address: SocketAddr| address.ip()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORWARDING_FIELDS: [&str; 8] = [
        "forwarded",
        "x-real-ip",
        "x-forwarded-host",
        "x-forwarded-proto",
        "x-forwarded-port",
        "x_forwarded_for",
        "x-forwarded_proto",
        "x_real_ip",
    ];

    fn told(sent: &[&'static str], trust_forwarded: bool) -> HeaderMap {
        let mut fields = HeaderMap::new();
        for &value in sent {
            fields.append(FIELD, HeaderValue::from_static(value));
        }
        for name in FORWARDING_FIELDS {
            fields.append(name, HeaderValue::from_static("for=198.51.100.9"));
        }
        set(&mut fields, "192.0.2.7".parse().ok(), trust_forwarded);
        assert_eq!(fields.len(), 1, "{fields:?}");
        fields
    }

    #[test]
    fn clients_cannot_set_the_address() {
        for sent in [&[][..], &["198.51.100.9"], &["198.51.100.9", "::1"], &["x"]] {
            assert_eq!(told(sent, false)[FIELD], "192.0.2.7", "{sent:?}");
        }
    }

    #[test]
    fn a_trusted_proxy_sets_the_address() {
        for (sent, address) in [
            (&["198.51.100.9"][..], "198.51.100.9"),
            (&["127.0.0.1, 198.51.100.9"], "198.51.100.9"),
            (&["127.0.0.1", "10.0.0.1,198.51.100.9 "], "198.51.100.9"),
            (&["198.51.100.9:4711"], "198.51.100.9"),
            (&["[2001:db8::1]:4711"], "2001:db8::1"),
            (&["2001:DB8::1"], "2001:db8::1"),
            (&["::ffff:198.51.100.9"], "198.51.100.9"),
            (&[], "192.0.2.7"),
            (&["198.51.100.9, unknown"], "192.0.2.7"),
            (&["198.51.100.9,"], "192.0.2.7"),
        ] {
            assert_eq!(told(sent, true)[FIELD], address, "{sent:?}");
        }
    }

    #[test]
    fn an_unknown_address_is_omitted() {
        let mut fields = HeaderMap::from_iter([(FIELD, HeaderValue::from_static("198.51.100.9"))]);
        set(&mut fields, None, false);
        assert!(fields.is_empty());
    }
}
