//! The client's address, as a component is told: `wasi:http` has no place for it, so it is in a header field that the
//! server writes, and no client.

use hyper::header::{FORWARDED, HeaderMap, HeaderName, HeaderValue};
use std::net::{IpAddr, SocketAddr};

/// Holds one address and nothing else.
const TOLD: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Put the address into the fields of a request: that of the connection or, behind a proxy that is trusted, the one that
/// the proxy has added. What else was said of the client's way is removed: a component has what is true of it from its
/// host, and need not know whom to believe.
pub fn tell(fields: &mut HeaderMap, peer: Option<IpAddr>, trust_forwarded: bool) {
    let named = if trust_forwarded { named(fields) } else { None };
    let claims: Vec<_> = fields.keys().filter(|name| is_claim(name)).cloned().collect();
    for name in claims {
        fields.remove(name);
    }
    if let Some(address) = named.or(peer) {
        let address = address.to_canonical().to_string();
        fields.insert(TOLD, HeaderValue::try_from(address).expect("an address is printable ASCII"));
    }
}

/// Gateways that make variables of fields take `_` for `-`.
fn is_claim(name: &HeaderName) -> bool {
    let name = name.as_str().replace('_', "-");
    name.starts_with("x-forwarded-") || name == FORWARDED.as_str() || name == "x-real-ip"
}

/// The last address is the proxy's word. Those before it the client may have sent.
fn named(fields: &HeaderMap) -> Option<IpAddr> {
    let last = fields.get_all(TOLD).iter().next_back()?.to_str().ok()?;
    let last = last.rsplit(',').next()?.trim();
    last.parse().ok().or_else(|| last.parse().ok().map(|address: SocketAddr| address.ip()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLAIMS: [&str; 8] = [
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
            fields.append(TOLD, HeaderValue::from_static(value));
        }
        for name in CLAIMS {
            fields.append(name, HeaderValue::from_static("for=198.51.100.9"));
        }
        tell(&mut fields, "192.0.2.7".parse().ok(), trust_forwarded);
        assert_eq!(fields.len(), 1, "{fields:?}");
        fields
    }

    #[test]
    fn clients_do_not_say_who_they_are() {
        for sent in [&[][..], &["198.51.100.9"], &["198.51.100.9", "::1"], &["x"]] {
            assert_eq!(told(sent, false)[TOLD], "192.0.2.7", "{sent:?}");
        }
    }

    #[test]
    fn a_trusted_proxy_says_who_its_clients_are() {
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
            assert_eq!(told(sent, true)[TOLD], address, "{sent:?}");
        }
    }

    #[test]
    fn an_unknown_address_is_not_told() {
        let mut fields = HeaderMap::from_iter([(TOLD, HeaderValue::from_static("198.51.100.9"))]);
        tell(&mut fields, None, false);
        assert!(fields.is_empty());
    }
}
