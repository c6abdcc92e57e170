//! The cookie: its form, and which cookies are accepted.

use crate::bindings::Access::{Optimistic, ReadOnly};
use crate::bindings::SameSite;
use crate::browser::{Browser, PEER, new_session, set_cookies};
use crate::check::refused_for;
use crate::client::{Configuration, HeaderField, Manager, options};
use crate::harness::Harness;

const NAME: &str = "__Host-session";

async fn first_fields(manager: &Manager) -> Vec<HeaderField> {
    let session = Browser::new().start(manager, Optimistic).await.unwrap();
    session.increment("visits").await;
    manager.finish(session).await.unwrap()
}

#[track_caller]
fn attributes(fields: &[HeaderField]) -> Vec<String> {
    let [cookie] = &set_cookies(fields)[..] else { panic!("expected one cookie: {fields:?}") };
    cookie.attributes.iter().map(|(name, value)| format!("{name}={value}")).collect()
}

pub async fn the_cookie_has_every_protection(host: &impl Harness) {
    let manager = host.manager().await;
    let fields = first_fields(&manager).await;
    let [cookie] = &set_cookies(&fields)[..] else { panic!("expected one cookie: {fields:?}") };
    assert_eq!(cookie.name, NAME);
    assert_eq!(attributes(&fields), ["httponly=", "path=/", "samesite=Lax", "secure="]);
    let mut browser = Browser::new();
    browser.receive(&fields);
    let id = browser.look(&manager).await.unwrap();
    assert!(cookie.value.starts_with(&id), "{} starts with the id {id}", cookie.value);
    let secret = &cookie.value[id.len()..];
    assert!(secret.len() >= 22, "128 bits of secret need at least 22 characters: {secret}");
    let token = |b: u8| b.is_ascii_alphanumeric() || b"-_.~".contains(&b);
    assert!(cookie.value.bytes().all(token), "{}", cookie.value);
}

pub async fn two_cookies_have_nothing_in_common(host: &impl Harness) {
    let manager = host.manager().await;
    let (one, two) = (new_session(&manager).await, new_session(&manager).await);
    let same = one.cookie().bytes().zip(two.cookie().bytes()).filter(|(a, b)| a == b).count();
    assert!(same < one.cookie().len() / 2, "{} and {}", one.cookie(), two.cookie());
}

pub async fn a_deleted_cookie_is_deleted_as_it_was_set(host: &impl Harness) {
    let manager = host.manager().await;
    let browser = new_session(&manager).await;
    let session = browser.start(&manager, Optimistic).await.unwrap();
    session.expire().await.unwrap();
    let fields = manager.finish(session).await.unwrap();
    assert_eq!(attributes(&fields), ["httponly=", "max-age=0", "path=/", "samesite=Lax", "secure="]);
    let [cookie] = &set_cookies(&fields)[..] else { panic!("{fields:?}") };
    assert_eq!((cookie.name.as_str(), cookie.value.as_str()), (NAME, ""));
}

pub async fn the_configuration_is_what_is_sent(host: &impl Harness) {
    let plain = Configuration {
        cookie_name: Some("sid".into()),
        cookie_secure: Some(false),
        cookie_same_site: Some(SameSite::Strict),
        cookie_path: Some("/app".into()),
        ..Configuration::default()
    };
    let cross_site = Configuration { cookie_same_site: Some(SameSite::None), ..Configuration::default() };
    let ordinary = Configuration { cookie_same_site: Some(SameSite::Lax), ..Configuration::default() };
    for (configuration, name, expected) in [
        (plain, "sid", &["httponly=", "path=/app", "samesite=Strict"][..]),
        (cross_site, NAME, &["httponly=", "path=/", "samesite=None", "secure="]),
        (ordinary, NAME, &["httponly=", "path=/", "samesite=Lax", "secure="]),
    ] {
        let manager = host.manager_with(configuration).await;
        let fields = first_fields(&manager).await;
        assert_eq!(attributes(&fields), expected);
        assert_eq!(set_cookies(&fields)[0].name, name);
        let mut browser = Browser::new();
        browser.receive(&fields);
        assert!(browser.look(&manager).await.is_some());
    }
}

pub async fn what_browsers_reject_is_refused(host: &impl Harness) {
    let instance = host.instance().await;
    let base = Configuration::default;
    let named = |name: &str| Configuration { cookie_name: Some(name.into()), ..base() };
    let (longest, too_long) = ("n".repeat(3935), "n".repeat(3936));
    let path = |path: &str| Configuration { cookie_path: Some(path.into()), ..named("sid") };
    let bad = [
        named(""),
        named(&too_long),
        named("a b"),
        named("a=b"),
        named("a;b"),
        named("a,b"),
        named("a\"b"),
        named("caf\u{e9}"),
        named("a\r\nSet-Cookie: b"),
        Configuration { cookie_secure: Some(false), ..base() },
        Configuration { cookie_secure: Some(false), ..named("__host-session") },
        Configuration { cookie_secure: Some(false), ..named("__Secure-session") },
        Configuration { cookie_path: Some("/app".into()), ..base() },
        Configuration { cookie_secure: Some(false), cookie_same_site: Some(SameSite::None), ..named("sid") },
        path(""),
        path("app"),
        path("/a;b"),
        path("/a\r\nb"),
        path("/caf\u{e9}"),
    ];
    for configuration in bad {
        let opened = Manager::open(&instance, host.location(), options(), &configuration).await;
        refused_for(opened.map(drop), "invalid-argument", &configuration);
    }
    let good = [named(&longest), named("s"), named("__Secure-s"), path("/"), path("/app/")];
    for configuration in good {
        Manager::open(&instance, host.location(), options(), &configuration).await.unwrap();
    }
}

/// Only a cookie that this site has set finds a session; anything else silently gets a new one.
pub async fn only_the_right_cookie_finds_the_session(host: &impl Harness) {
    let manager = host.manager().await;
    let browser = new_session(&manager).await;
    let value = browser.cookie();
    let id = browser.clone().look(&manager).await.unwrap();
    let secret = &value[id.len()..];
    let other = new_session(&manager).await.cookie().to_owned();
    let flipped = |at: usize| {
        let mut bytes = value.as_bytes().to_vec();
        bytes[at] = if bytes[at] == b'1' { b'2' } else { b'1' };
        String::from_utf8(bytes).unwrap()
    };
    let swapped = format!("{id}{}", &other[id.len()..]);
    let wrong = [
        "".into(),
        " ".into(),
        id.clone(),
        secret.into(),
        format!("{id}{}", &secret[..1]),
        value[..value.len() - 1].into(),
        format!("{value}0"),
        format!("{value}{value}"),
        value.to_uppercase(),
        swapped,
        flipped(0),
        flipped(id.len() + 1),
        flipped(value.len() - 1),
        format!("../{value}"),
        "../../../../etc/passwd".into(),
        format!("\"{value}"),
        "*del*".into(),
        "x".repeat(100_000),
        "\u{1F40C}\0\r\n".into(),
    ];
    for wrong in wrong {
        let session = manager.start(&[format!("{NAME}={wrong}")], Some(PEER), Optimistic).await.unwrap();
        assert_eq!(session.id().await, None, "{wrong:.100}");
        assert!(session.names().await.is_empty(), "{wrong:.100}");
        session.increment("visits").await;
        let fields = manager.finish(session).await.unwrap();
        let mut adopted = Browser::new();
        adopted.receive(&fields);
        assert_ne!(adopted.cookie(), wrong, "an id chosen by the client is never adopted");
        assert_ne!(adopted.look(&manager).await.unwrap(), id);
    }
    assert_eq!(browser.clone().look(&manager).await, Some(id));
}

pub async fn the_cookie_is_found_among_others(host: &impl Harness) {
    let manager = host.manager().await;
    let browser = new_session(&manager).await;
    let id = browser.clone().look(&manager).await;
    let ours = format!("{NAME}={}", browser.cookie());
    let found = [
        vec![ours.clone()],
        vec![format!("a=1; {ours}; b=2")],
        vec![format!("a=1;{ours};b=2")],
        vec!["a=1".into(), ours.clone(), "b=2".into()],
        vec![format!("junk; =; ;; {ours}")],
        vec![format!("x{ours}; {ours}")],
        vec![format!("{ours}; {NAME}=x")],
        vec![format!("{NAME}=x; {ours}")],
        vec![ours.clone(), format!("{NAME}=x")],
        vec![format!("{NAME}=; {NAME}={}; {ours}", "0".repeat(65))],
    ];
    for cookies in found {
        let session = manager.start(&cookies, None, ReadOnly).await.unwrap();
        assert_eq!(session.id().await, id, "{cookies:?}");
    }
    let not_found = [
        vec![],
        vec!["".into()],
        vec![format!("{NAME}2={}", browser.cookie())],
        vec![format!("session={}", browser.cookie())],
        vec![format!("{NAME} = {}", browser.cookie()), format!("{NAME}=x")],
    ];
    for cookies in not_found {
        let session = manager.start(&cookies, None, ReadOnly).await.unwrap();
        assert_eq!(session.id().await, None, "{cookies:?}");
    }
}

pub async fn the_address_is_only_text(host: &impl Harness) {
    let manager = host.manager().await;
    for peer in ["", "2001:db8::1", "not an address\r\n\0", &"x".repeat(10_000)] {
        match manager.start(&[], Some(peer), Optimistic).await {
            Ok(session) => session.close().await,
            refusal => refused_for(refusal, "invalid-argument", &peer),
        }
    }
}

/// An attacker may have planted one of the two, and nothing tells which.
pub async fn two_cookies_of_different_sessions_find_none_and_both_end(host: &impl Harness) {
    let (manager, store) = (host.manager().await, host.store().await);
    for log_in in [false, true] {
        let (one, two) = (new_session(&manager).await, new_session(&manager).await);
        let both = [format!("{NAME}={}; {NAME}={}", one.cookie(), two.cookie())];
        let session = manager.start(&both, None, Optimistic).await.unwrap();
        assert_eq!(session.id().await, None);
        if log_in {
            session.set_user(Some("ann")).await.unwrap();
        } else {
            session.expire().await.unwrap();
        }
        let mut browser = Browser::new();
        browser.receive(&manager.finish(session).await.unwrap());
        assert_eq!(store.sessions().await.len(), usize::from(log_in), "only the new session, if any");
        if log_in {
            let all = [format!("{NAME}={}; {NAME}={}", one.cookie(), browser.cookie())];
            let session = manager.start(&all, None, ReadOnly).await.unwrap();
            assert_eq!(session.user().await.as_deref(), Some("ann"));
        }
    }
}
