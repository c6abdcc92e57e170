//! The cookie: what is sent, and what hostile or confused clients send back.

use session_core::Error;
use session_core::client::Client;
use session_core::configuration::Configuration;
use session_core::cookie::{MAX_NAME, MAX_PATH, Policy, SameSite, cookies};
use session_core::credential::Credential;
use session_core::manager::Manager;
use session_core::session::Access;

use crate::memory::Memory;
use crate::site::{Browser, Site, set};

const VALUE: &str = "0123456789abcdef.00112233445566778899aabbccddeeff";

#[track_caller]
fn finds(fields: &[&str], expected: Option<&str>) {
    let fields: Vec<String> = fields.iter().map(ToString::to_string).collect();
    let mut found: Vec<&str> = cookies(&fields, "sid").collect();
    found.dedup();
    assert_eq!(found, Vec::from_iter(expected), "{fields:?}");
}

#[test]
fn the_cookie_is_found_among_others() {
    finds(&["sid=x"], Some("x"));
    finds(&["a=1; sid=x; b=2"], Some("x"));
    finds(&["a=1", "b=2; sid=x"], Some("x"));
    finds(&["a=1;sid=x"], Some("x"));
    finds(&[" \t sid=x \t ;"], Some("x"));
    finds(&["sid=x=y"], Some("x=y"));
    finds(&["sid=\"x\""], Some("x"));
    finds(&["sid="], Some(""));
    finds(&["sid=\"\""], Some(""));
}

#[test]
fn lookalike_cookies_are_ignored() {
    finds(&[], None);
    finds(&[""], None);
    finds(&[";;; ;"], None);
    finds(&["sid"], None);
    finds(&["SID=x"], None);
    finds(&["xsid=x; sidx=x; sid =x"], None);
    finds(&["=sid=x"], None);
    // Other trimmers remove these spaces, and a forged __Host- cookie passes the browser's check.
    finds(&["\u{a0}sid=x"], None);
    finds(&["\u{2000}sid=x"], None);
    finds(&["\u{b}sid=x"], None);
    finds(&["\0sid=x"], None);
    // A quoted value also ends at the semicolon: nothing can be hidden in it.
    finds(&["a=\"; sid=x; b=\""], Some("x"));
    finds(&["sid=\"x; b=y\""], Some("\"x"));
    finds(&["sid=\""], Some("\""));
    finds(&["$Version=1; sid=x; $Path=/"], Some("x"));
    finds(&["a=1, sid=x"], None);
}

#[test]
fn of_several_cookies_the_first_few_well_formed_are_tried() {
    let value = |n: u32| format!("{n:016}.{}", "0".repeat(32));
    for (fields, candidates, several) in [
        (vec!["x; sid=x".to_string()], vec![], false),
        (vec!["x; sid=y".to_string()], vec![], true),
        (vec![value(1), value(1)], vec![value(1)], false),
        (vec![format!("\"{}\"; sid={}", value(1), value(1))], vec![value(1)], false),
        (vec![value(1), value(2)], vec![value(1), value(2)], true),
        (vec![format!("x; sid={}; sid=", value(1))], vec![value(1)], true),
        ((0..9).map(value).collect(), (0..4).map(value).collect(), true),
    ] {
        let fields: Vec<String> = fields.iter().map(|value| format!("sid={value}")).collect();
        let found = Policy { name: "sid".into(), ..Policy::default() }.find(&fields);
        let values: Vec<String> = found.candidates.iter().map(Credential::value).collect();
        assert_eq!((values, found.several), (candidates, several), "{fields:?}");
    }
}

#[test]
fn long_headers_are_read_to_the_end() {
    let long = format!("{}; sid=x", "a=1; ".repeat(20_000));
    assert!(long.len() > 100_000);
    finds(&[&long], Some("x"));
    finds(&[&";".repeat(100_000)], None);
    finds(&[&"sid=x; ".repeat(20_000)], Some("x"));
    finds(&[&format!("sid={}", "x".repeat(100_000))], Some(&"x".repeat(100_000)));
}

/// Whatever a client sends other than its own cookie, it gets a new session, and the targeted one is neither read, nor
/// locked, nor changed.
#[test]
fn a_hostile_cookie_gets_a_new_session_and_touches_no_other() {
    let site = Site::new();
    let visitor = site.visitor();
    let cookie = visitor.cookie.as_deref().expect("cookie");
    let (id, secret) = cookie.split_once('.').expect("id.secret");
    let before = site.store.only();
    let host = |value: &str| format!("__Host-session={value}");
    let wrong_secret: String = secret.chars().rev().collect();
    assert_ne!(secret, wrong_secret);

    for fields in [
        vec![],
        vec![host("")],
        vec![host(id)],
        vec![host(&format!("{id}."))],
        vec![host(&cookie[..cookie.len() - 1])],
        vec![host(&format!("{cookie}0"))],
        vec![host(&format!("{cookie}\0"))],
        vec![host(&format!("\0{cookie}"))],
        vec![host(&format!("{cookie}\u{e9}"))],
        vec![host(&cookie.to_uppercase())],
        vec![host(&format!("'{cookie}'"))],
        vec![host(&format!("\"\"{cookie}\"\""))],
        vec![host(&format!("{id}.{wrong_secret}"))],
        vec![host(&format!("{id}.{}", "0".repeat(32)))],
        vec![host(&format!("{}.{secret}", "f".repeat(32)))],
        vec![host(&format!("../{id}.{secret}"))],
        vec![host(&"x".repeat(100_000))],
        vec![host(&format!("{}.{secret}", "x".repeat(100_000)))],
        vec![format!("session={cookie}")],
        vec![format!("__host-session={cookie}")],
        vec![format!("\u{2000}__Host-session={cookie}")],
    ] {
        for access in [Access::ReadOnly, Access::Optimistic, Access::Exclusive] {
            let mut session =
                site.manager.start_request(&fields, Client::default(), access, site.now()).expect("start");
            assert_eq!(session.id(), None, "{fields:?}");
            assert_eq!(session.len(), 0, "{fields:?}");
            assert!(!site.store.calls().contains(&"lock"), "{fields:?}");
            if access != Access::ReadOnly {
                set(&mut session, "mine", 1);
                let set_cookie = site.manager.finish_successful_request(session, site.now(), &mut || site.random());
                let mut other = Browser::default();
                other.receive(&set_cookie.expect("finish"));
                let other = other.cookie.expect("a cookie of its own");
                assert!(!other.starts_with(id) && !other.starts_with(&VALUE[..16]), "no id is adopted");
            }
        }
    }
    assert_eq!(site.store.inner().records.get(&before.id), Some(&before));
    for fields in [
        vec![host(cookie)],
        vec![host(&format!("\"{cookie}\""))],
        vec![format!("a=b; {}; {}", host(cookie), host(cookie))],
        vec![host(cookie), host(cookie)],
        vec![host(cookie), host(VALUE)],
        vec![format!("{}; {}", host(VALUE), host(cookie))],
        vec![format!("{}; {}", host(cookie), host(""))],
    ] {
        let session = site.manager.start_request(&fields, Client::default(), Access::Optimistic, site.now());
        assert_eq!(session.expect("start").id(), Some(&before.id), "{fields:?}");
    }
}

#[test]
fn the_fields_that_set_and_revoke_the_cookie() {
    let policy = Policy::default();
    let credential = Credential::parse(VALUE).expect("a credential");
    let fields = |fields: Vec<(String, String)>| -> Vec<String> {
        fields.into_iter().map(|(name, value)| format!("{name}: {value}")).collect()
    };
    assert_eq!(
        fields(policy.set(&credential, None)),
        [
            &format!("set-cookie: __Host-session={VALUE}; Path=/; HttpOnly; SameSite=Lax; Secure"),
            "cache-control: no-store",
            "vary: Cookie",
        ]
    );
    assert_eq!(
        fields(policy.revoke()),
        [
            "set-cookie: __Host-session=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax; Secure",
            "cache-control: no-store",
            "vary: Cookie",
        ]
    );
    let plain = Policy {
        name: "sid".into(),
        secure: false,
        same_site: SameSite::Strict,
        path: "/shop".into(),
        ..Policy::default()
    };
    assert_eq!(
        fields(plain.set(&credential, None))[0],
        format!("set-cookie: sid={VALUE}; Path=/shop; HttpOnly; SameSite=Strict")
    );
    let embedded = Policy { same_site: SameSite::None, ..Policy::default() };
    assert!(fields(embedded.set(&credential, None))[0].ends_with("; SameSite=None; Secure"));
}

#[track_caller]
fn policy(name: &str, secure: bool, same_site: SameSite, path: &str, refused: Option<&str>) {
    let policy = Policy { name: name.into(), secure, same_site, path: path.into(), ..Policy::default() };
    let configuration = Configuration { cookie: policy, ..Configuration::default() };
    let error = Manager::new(Memory::default(), Memory::default(), configuration).err();
    let expected = refused.map(|reason| Error::InvalidArgument(reason.into()));
    assert_eq!(error, expected, "{name:?} {secure} {same_site:?} {path:?}");
}

#[test]
fn what_browsers_would_reject_is_refused() {
    use SameSite::{Lax, None as Always, Strict};

    // RFC 6265bis, section 5.6.
    assert_eq!(MAX_NAME + Credential::MAX, 4096);
    for (name, secure, same_site, path) in [
        ("__Host-session", true, Lax, "/"),
        ("__Host-session", true, Always, "/"),
        ("__Secure-sid", true, Strict, "/shop"),
        ("sid", false, Lax, "/"),
        ("sid", false, Strict, "/a/b%20c/~d?"),
        ("!#$%&'*+-.^_`|~09azAZ", true, Lax, "/"),
        (&"n".repeat(MAX_NAME), true, Lax, "/"),
        ("sid", true, Lax, &format!("/{}", "p".repeat(MAX_PATH - 1))),
    ] {
        policy(name, secure, same_site, path, None);
    }
    let name = "a cookie name is a token (RFC 9110, section 5.6.2); name and value have at most 4096 bytes";
    for wrong in
        ["", "a b", "a=b", "a;b", "a,b", "a\"b", "a\0", "a\r\n", "\u{e9}", "a(b)", "a/b", &"n".repeat(MAX_NAME + 1)]
    {
        policy(wrong, true, Lax, "/", Some(name));
    }
    let path = "a cookie path starts with / and has at most 1024 visible ASCII characters, none of them ;";
    for wrong in ["", "shop", " /", "/a b", "/;Domain=example.org", "/\r\nx: y", "/\0", "/\u{7f}", "/\u{e9}"] {
        policy("sid", true, Lax, wrong, Some(path));
    }
    policy("sid", true, Lax, &format!("/{}", "p".repeat(MAX_PATH)), Some(path));
    let prefix = "browsers reject a cookie named __Host-, __Secure- or __Http- that is not Secure; choose another name";
    for wrong in ["__Host-sid", "__host-sid", "__Secure-sid", "__SECURE-sid", "__Http-sid", "__Host-Http-sid"] {
        policy(wrong, false, Lax, "/", Some(prefix));
    }
    let host = "browsers reject a cookie named __Host- whose path is not /";
    policy("__Host-sid", true, Lax, "/shop", Some(host));
    policy("__HOST-sid", true, Lax, "/shop", Some(host));
    policy("sid", false, Always, "/", Some("browsers reject a cookie with SameSite=None that is not Secure"));
}

#[test]
fn domains_and_partitions_that_browsers_would_reject_are_refused() {
    let sid = Policy { name: "sid".into(), ..Policy::default() };
    let with_domain = |domain: &str| Policy { domain: Some(domain.into()), ..sid.clone() };
    let domain = "a cookie domain is a host name such as example.com";
    let host = "browsers reject a cookie named __Host- with a Domain; choose another name, or no domain";
    let partitioned = "browsers reject a cookie with Partitioned that is not Secure";
    let long = format!("{}.example", vec!["a".repeat(60); 4].join("."));
    for (policy, refused) in [
        (with_domain("example.com"), None),
        (with_domain("a-b.example"), None),
        (with_domain(""), Some(domain)),
        (with_domain(".example.com"), Some(domain)),
        (with_domain("example..com"), Some(domain)),
        (with_domain("example.com; Secure"), Some(domain)),
        (with_domain("b\u{fc}cher.example"), Some(domain)),
        (with_domain(&"a".repeat(64)), Some(domain)),
        (with_domain(&long), None),
        (with_domain(&format!("{long}.a-label")), Some(domain)),
        (Policy { domain: Some("example.com".into()), ..Policy::default() }, Some(host)),
        (Policy { partitioned: true, ..Policy::default() }, None),
        (Policy { partitioned: true, secure: false, ..sid.clone() }, Some(partitioned)),
    ] {
        let expected = refused.map_or(Ok(()), |reason| Err(Error::InvalidArgument(reason.into())));
        assert_eq!(policy.check(), expected, "{policy:?}");
    }
}

#[test]
fn all_attributes_of_a_cookie() {
    let policy = Policy {
        name: "sid".into(),
        domain: Some("example.com".into()),
        partitioned: true,
        same_site: SameSite::None,
        ..Policy::default()
    };
    let credential = Credential::parse("0123456789abcdef.00112233445566778899aabbccddeeff").expect("a credential");
    let expected = "sid=0123456789abcdef.00112233445566778899aabbccddeeff; Path=/; Domain=example.com; Max-Age=60; \
                    HttpOnly; SameSite=None; Secure; Partitioned";
    assert_eq!(policy.set(&credential, Some(60))[0].1, expected);
    let revoked = "sid=; Path=/; Domain=example.com; Max-Age=0; HttpOnly; SameSite=None; Secure; Partitioned";
    assert_eq!(policy.revoke()[0].1, revoked);
}

#[test]
fn a_zero_timeout_is_refused() {
    for (idle_timeout, absolute_timeout, valid) in
        [(Some(0), None, false), (None, Some(0), false), (Some(1), Some(1), true), (None, None, true)]
    {
        let configuration = Configuration { idle_timeout, absolute_timeout, ..Configuration::default() };
        assert_eq!(Manager::new(Memory::default(), Memory::default(), configuration).is_ok(), valid);
    }
}
