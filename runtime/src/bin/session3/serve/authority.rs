//! The target of a request: the scheme and the authority that the component receives.

use hyper::header::{HOST, HeaderMap, HeaderName, HeaderValue};
use hyper::http::uri::Authority;
use hyper::{Request, Version};
use std::net::{IpAddr, SocketAddr};
use wasmtime_wasi_http::p2::bindings::http::types::Scheme;

const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// The request has no usable authority.
#[derive(Debug, PartialEq, Eq)]
pub struct Unusable;

/// The scheme, and the authority for the single `Host` field that the component receives: from the client or, with
/// `trust_forwarded`, from the proxy. For a client that may omit it (HTTP/1.0: health checks), the address that it is
/// connected to.
pub fn of<B>(
    request: &Request<B>,
    local: Option<SocketAddr>,
    trust_forwarded: bool,
) -> Result<(Scheme, Authority), Unusable> {
    let sent = sent(request)?;
    let fields = request.headers();
    let forwarded = |name| if trust_forwarded { last(fields, name) } else { None };
    let scheme = match forwarded(FORWARDED_PROTO) {
        Some(scheme) if scheme.eq_ignore_ascii_case(b"https") => Scheme::Https,
        _ => Scheme::Http,
    };
    let authority = match (forwarded(FORWARDED_HOST), sent) {
        (Some(forwarded), _) => parse(forwarded)?,
        (None, Some(sent)) => sent,
        (None, None) => parse(local.ok_or(Unusable)?.to_string().as_bytes())?,
    };
    Ok((scheme, authority))
}

/// RFC 9112, sections 3.2 and 3.3.
fn sent<B>(request: &Request<B>) -> Result<Option<Authority>, Unusable> {
    let mut fields = request.headers().get_all(HOST).iter();
    let may_be_absent = request.version() < Version::HTTP_11;
    let field = match (fields.next(), fields.next()) {
        (None, _) if may_be_absent => None,
        (Some(field), None) if may_be_absent && field.is_empty() => None,
        (Some(field), None) => Some(parse(field.as_bytes())?),
        _ => return Err(Unusable),
    };
    // An authority in the target takes precedence over the field.
    match request.uri().authority() {
        Some(authority) => parse(authority.as_str().as_bytes()).map(Some),
        None => Ok(field),
    }
}

/// The last entry, which the proxy added. Earlier ones may come from the client.
fn last(fields: &HeaderMap, name: HeaderName) -> Option<&[u8]> {
    let last = fields.get_all(name).iter().next_back()?.as_bytes();
    last.rsplit(|byte| *byte == b',').next().map(<[u8]>::trim_ascii)
}

/// A host and an optional port, without user information.
fn parse(text: &[u8]) -> Result<Authority, Unusable> {
    let authority = Authority::try_from(text).map_err(|_| Unusable)?;
    let port = authority.as_str().strip_prefix(authority.host()).ok_or(Unusable)?;
    let is_usable = !authority.host().is_empty() && (matches!(port, "" | ":") || authority.port_u16().is_some());
    if is_usable { Ok(authority) } else { Err(Unusable) }
}

/// The `Host` field that the component receives.
pub fn field(authority: &Authority) -> HeaderValue {
    HeaderValue::from_str(authority.as_str()).expect("an authority is printable ASCII")
}

/// The host names of a server. Another site can make its own name resolve to our address (DNS rebinding) and then read
/// our responses; but the browser still sends that name.
#[derive(Clone, Debug)]
pub struct Names(Option<Vec<String>>);

impl Names {
    /// Any name, for example because a proxy in front checks them.
    pub fn any() -> Self {
        Self(None)
    }

    /// These, and the names and addresses of this machine.
    pub fn only(names: &[String]) -> Self {
        Self(Some(names.to_vec()))
    }

    /// Whether this name is served on a connection to this address.
    pub fn admit(&self, authority: &Authority, local: Option<SocketAddr>) -> bool {
        let Some(names) = &self.0 else { return true };
        let name = normal(authority.host());
        let is_own = match name.parse::<IpAddr>() {
            Ok(address) => {
                let address = address.to_canonical();
                address.is_loopback() || local.is_some_and(|local| local.ip().to_canonical() == address)
            }
            // Browsers resolve them to loopback.
            Err(_) => name == "localhost" || name.ends_with(".localhost"),
        };
        is_own || names.contains(&name)
    }
}

/// A name or address in normal form, for comparison.
fn normal(host: &str) -> String {
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase()
}

/// Parse a name for `Names` from the command line.
pub fn name(text: &str) -> Result<String, String> {
    if text.parse::<IpAddr>().is_ok() {
        return Ok(text.to_ascii_lowercase());
    }
    match parse(text.as_bytes()) {
        Ok(authority) if authority.as_str() == authority.host() => Ok(normal(authority.host())),
        _ => Err("use a name without scheme and port, such as shop.example".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCAL: &str = "192.0.2.1:8080";

    fn request(version: Version, target: &str, fields: &[(&str, &str)]) -> Request<()> {
        let mut request = Request::builder().version(version).uri(target);
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap()
    }

    fn asked(request: &Request<()>, trust_forwarded: bool) -> Result<(bool, String), Unusable> {
        let (scheme, authority) = of(request, LOCAL.parse().ok(), trust_forwarded)?;
        Ok((matches!(scheme, Scheme::Https), authority.to_string()))
    }

    #[test]
    fn one_usable_host() {
        let (v10, v11) = (Version::HTTP_10, Version::HTTP_11);
        let rows = [
            (v11, "/", &["a.example"][..], Ok("a.example")),
            (v11, "/", &["a.example:8080"], Ok("a.example:8080")),
            (v11, "/", &["a.example:"], Ok("a.example:")),
            (v11, "/", &["[::1]:8080"], Ok("[::1]:8080")),
            (v11, "/", &[], Err(Unusable)),
            (v11, "/", &[""], Err(Unusable)),
            (v11, "/", &["a.example", "a.example"], Err(Unusable)),
            (v11, "/", &["a.example", "b.example"], Err(Unusable)),
            (v11, "/", &["a b"], Err(Unusable)),
            (v11, "/", &["a.example/b"], Err(Unusable)),
            (v11, "/", &["a.example, b.example"], Err(Unusable)),
            (v11, "/", &["user@a.example"], Err(Unusable)),
            (v11, "/", &["a.example:99999"], Err(Unusable)),
            (v11, "/", &[":8080"], Err(Unusable)),
            (v11, "http://b.example/", &["a.example"], Ok("b.example")),
            (v11, "http://b.example/", &[], Err(Unusable)),
            (v11, "http://user@b.example/", &["a.example"], Err(Unusable)),
            (v10, "/", &["a.example"], Ok("a.example")),
            (v10, "/", &[], Ok(LOCAL)),
            (v10, "/", &[""], Ok(LOCAL)),
            (v10, "*", &[], Ok(LOCAL)),
            (v10, "/", &["a.example", "a.example"], Err(Unusable)),
            (v10, "/", &["a b"], Err(Unusable)),
        ];
        for (version, target, hosts, expected) in rows {
            let fields: Vec<_> = hosts.iter().map(|host| ("host", *host)).collect();
            let expected = expected.map(|authority| (false, authority.to_owned()));
            assert_eq!(asked(&request(version, target, &fields), false), expected, "{version:?} {target} {hosts:?}");
        }
    }

    #[test]
    fn a_trusted_proxy_sets_the_target() {
        let rows = [
            (&[][..], false, "proxy"),
            (&[("x-forwarded-proto", "https")], true, "proxy"),
            (&[("x-forwarded-proto", "HTTPS"), ("x-forwarded-host", "shop.example")], true, "shop.example"),
            (&[("x-forwarded-proto", "http")], false, "proxy"),
            (&[("x-forwarded-proto", "https, http")], false, "proxy"),
            (&[("x-forwarded-proto", "http"), ("x-forwarded-proto", "https")], true, "proxy"),
            (&[("x-forwarded-host", "evil.example, shop.example:8443")], false, "shop.example:8443"),
            (&[("x-forwarded-host", "evil.example"), ("x-forwarded-host", "shop.example")], false, "shop.example"),
        ];
        for (fields, is_https, authority) in rows {
            let request = request(Version::HTTP_11, "/", &[&[("host", "proxy")], fields].concat());
            assert_eq!(asked(&request, true), Ok((is_https, authority.to_owned())), "{fields:?}");
            assert_eq!(asked(&request, false), Ok((false, "proxy".to_owned())), "{fields:?}, not trusted");
        }
        let unusable = request(Version::HTTP_11, "/", &[("host", "proxy"), ("x-forwarded-host", "a b")]);
        assert_eq!(asked(&unusable, true), Err(Unusable));
    }

    #[test]
    fn own_names_are_admitted() {
        let names = Names::only(&["shop.example".to_owned(), "198.51.100.1".to_owned()]);
        let rows = [
            ("localhost", true),
            ("LOCALHOST.:8080", true),
            ("demo.localhost:8080", true),
            ("127.0.0.1", true),
            ("127.9.9.9:8080", true),
            ("[::1]:8080", true),
            ("[::ffff:127.0.0.1]", true),
            ("192.0.2.1:8080", true),
            ("shop.example:8443", true),
            ("Shop.Example", true),
            ("198.51.100.1", true),
            ("192.0.2.2", false),
            ("evil.example", false),
            ("shop.example.evil.example", false),
            ("127.0.0.1.evil.example", false),
            ("localhost.evil.example", false),
            ("evillocalhost", false),
        ];
        for (host, expected) in rows {
            let authority = Authority::try_from(host).unwrap();
            assert_eq!(names.admit(&authority, LOCAL.parse().ok()), expected, "{host}");
            assert!(Names::any().admit(&authority, None), "{host}");
        }
    }

    #[test]
    fn names_on_the_command_line() {
        for (text, expected) in [
            ("Shop.Example", "shop.example"),
            ("a.", "a"),
            ("[::1]", "::1"),
            ("::1", "::1"),
            ("192.0.2.1", "192.0.2.1"),
        ] {
            assert_eq!(name(text).as_deref(), Ok(expected), "{text}");
        }
        for text in ["", "http://a", "a:80", "a/b", "a b", "user@a"] {
            assert!(name(text).is_err(), "{text}");
        }
    }
}
