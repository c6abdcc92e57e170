//! API clients present a token in a header field instead of a cookie.

use session_core::client::Client;
use session_core::configuration::Configuration;
use session_core::cookie::{HeaderField, Policy, TOKEN_FIELD, Transport};
use session_core::session::Access;

use crate::site::{Site, integer, set};

fn site() -> Site {
    let cookie = Policy { transport: Transport::Bearer, clear_site_data: true, ..Policy::default() };
    Site::with(Configuration { cookie, ..Configuration::default() })
}

/// A request with these `Authorization` fields; returns its value of `a`.
fn visit(site: &Site, fields: &[&str], value: Option<i64>) -> (i64, Vec<HeaderField>) {
    let fields: Vec<String> = fields.iter().map(|field| (*field).to_string()).collect();
    let session = site.manager.start_request(&fields, Client::default(), Access::Optimistic, site.now());
    let mut session = session.expect("start");
    let before = integer(&mut session, "a");
    if let Some(value) = value {
        set(&mut session, "a", value);
    }
    let fields = site.manager.finish_successful_request(session, site.now(), &mut || site.random());
    (before, fields.expect("finish"))
}

#[test]
fn a_token_is_sent_in_its_own_field_and_finds_the_session() {
    let site = site();
    let (_, fields) = visit(&site, &[], Some(7));
    let names: Vec<_> = fields.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, [TOKEN_FIELD, "cache-control", "vary"]);
    assert_eq!((fields[1].1.as_str(), fields[2].1.as_str()), ("no-store", "Authorization"));
    let token = &fields[0].1;
    for good in [format!("Bearer {token}"), format!("bearer {token}"), format!(" BEARER   {token}\t")] {
        assert_eq!(visit(&site, &[&good], None).0, 7, "{good:?}");
    }
    let basic = "Basic dXNlcjpwYXNz".to_string();
    assert_eq!(visit(&site, &[&basic, &format!("Bearer {token}")], None).0, 7);
    for bad in ["", "Bearer", "Bearer ", token, &format!("Token {token}"), &format!("Bearer {token}0")] {
        assert_eq!(visit(&site, &[bad], None).0, 0, "{bad:?}");
    }
    let two = [format!("Bearer {token}"), "Bearer other".to_string()];
    assert_eq!(visit(&site, &[&two[0], &two[1]], None).0, 0, "which of the two?");
    assert_eq!(visit(&site, &[&format!("__Host-session={token}")], None).0, 0, "it is no cookie");
}

#[test]
fn a_logout_revokes_the_token() {
    let site = site();
    let (_, fields) = visit(&site, &[], Some(7));
    let field = format!("Bearer {}", fields[0].1);
    let session = site.manager.start_request(&[field], Client::default(), Access::Optimistic, site.now());
    let mut session = session.expect("start");
    session.expire().expect("expire");
    let fields = site.manager.finish_successful_request(session, site.now(), &mut || site.random()).expect("finish");
    assert_eq!(fields[0], (TOKEN_FIELD.to_string(), String::new()));
    assert!(fields.contains(&("clear-site-data".to_string(), r#""cache", "cookies", "storage""#.to_string())));
    assert!(site.store.is_empty());
}

/// Nothing tells which one counts, and proxies, servers and applications disagree.
#[test]
fn two_different_tokens_find_no_session_in_either_order() {
    let site = site();
    let [one, other] = [1, 2].map(|value| format!("Bearer {}", visit(&site, &[], Some(value)).1[0].1));
    assert_eq!((visit(&site, &[&one], None).0, visit(&site, &[&other], None).0), (1, 2));
    assert_eq!(visit(&site, &[&one, &other], None).0, 0);
    assert_eq!(visit(&site, &[&other, &one], None).0, 0);
    for nonsense in ["Bearer", "Bearer ", "Bearer x"].map(String::from) {
        assert_eq!(visit(&site, &[&one, "Basic x", &one], None).0, 1, "the same twice, and another scheme between");
        let both = [visit(&site, &[&one, &nonsense], None).0, visit(&site, &[&nonsense, &one], None).0];
        assert_eq!(both[0], both[1], "{nonsense:?} before and behind");
    }
}
