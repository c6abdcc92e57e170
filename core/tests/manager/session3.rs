//! Session3's defects that this manager must not have, by their numbers.

use std::collections::BTreeSet;

use session_core::attributes::Value;
use session_core::cookie::Policy;
use session_core::credential::Credential;
use session_core::session::Access;

use crate::site::{Browser, Site, log_in, set};

/// Session3 looked at the user only: an anonymous visitor's session data were silently dropped.
#[test]
fn defect_10_attributes_and_tokens_are_kept_without_a_user() {
    let site = Site::new();
    let mut shopper = Browser::default();
    site.visit(&mut shopper, |session| set(session, "cart", 3));
    assert_eq!(site.see(&shopper, "cart"), Some(Value::Integer(3)));

    let mut sender = Browser::default();
    let mut token = String::new();
    site.visit(&mut sender, |session| token = session.create_form_token(site.random()).expect("token"));
    assert!(site.start(&sender, Access::ReadOnly).has_form_token(&token));
}

/// Session3's ids had 64 bits, and they were the secret.
#[test]
fn defect_11_a_cookie_has_128_random_bits_beside_the_id() {
    let site = Site::new();
    let browser = site.visitor();
    let cookie = browser.cookie.expect("cookie");
    let (id, secret) = cookie.split_once('.').expect("id.secret");
    assert_eq!(secret.len() * 4, 128);
    assert_eq!(site.store.only().id.as_str(), id);

    // Every bit of the secret depends on the generator, and nothing else.
    let all = [0, u128::MAX].map(|bits| Credential::generate(&mut || bits.to_be_bytes()).value());
    assert!(all[0].ends_with(&format!(".{}", "0".repeat(32))));
    assert!(all[1].ends_with(&format!(".{}", "f".repeat(32))));
}

/// In Session3 the id survived a login: an attacker who had planted or seen it was logged in too.
#[test]
fn defect_12_a_cookie_planted_before_login_is_worth_nothing_after_it() {
    let site = Site::new();
    let attacker = site.visitor();
    let mut victim = attacker.clone();
    site.visit(&mut victim, |session| log_in(session, "alice"));
    let mut session = site.start(&attacker, Access::ReadOnly);
    assert_eq!(session.id(), None);
    assert_eq!(session.user(), None);
    assert_eq!(site.start(&victim, Access::ReadOnly).user(), Some("alice"));
}

/// Session3 wrote the file at the end of every request.
#[test]
fn defect_14_a_hundred_requests_that_read_write_nothing() {
    let site = Site::new();
    let mut browser = site.visitor();
    for _ in 0..100 {
        site.visit(&mut browser, |session| assert!(session.contains("a")));
    }
    assert_eq!(site.store.calls(), ["load"; 100]);
    assert_eq!(site.store.only().version, 1);
}

/// In Session3 `has_session` returned a session, `dump` crashed, and removing an absent token raised an error.
#[test]
fn defect_19_questions_get_plain_answers() {
    let site = Site::new();
    let browser = site.visitor();
    let id = site.store.only().id;
    let there: bool = site.manager.has_session(&id).expect("has_session");
    assert!(there);
    let mut session = site.start(&browser, Access::Optimistic);
    assert!(session.dump(site.now()).starts_with("session: "));
    assert!(site.start(&Browser::default(), Access::Optimistic).dump(0).starts_with("session: not stored\n"));
    assert_eq!(session.remove_form_token(&"0".repeat(32)), Ok(false));
}

/// In Session3 cookies had no SameSite, and Secure and HttpOnly only on request.
#[test]
fn defect_20_a_cookie_is_safe_without_being_asked() {
    let site = Site::new();
    let fields = site.visit(&mut Browser::default(), |session| set(session, "a", 1));
    let (pair, attributes) = fields[0].1.split_once("; ").expect("attributes");
    assert!(pair.starts_with("__Host-session="));
    let attributes: BTreeSet<&str> = attributes.split("; ").collect();
    assert_eq!(attributes, BTreeSet::from(["HttpOnly", "Path=/", "SameSite=Lax", "Secure"]));
    // HttpOnly cannot be disabled: a policy has no field for it.
    let Policy {
        transport: _,
        name: _,
        secure: _,
        same_site: _,
        path: _,
        domain: _,
        partitioned: _,
        clear_site_data: _,
    } = Policy::default();
}
