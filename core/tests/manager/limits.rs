//! Limits: names, values, tokens, addresses.

use session_core::Error;
use session_core::attributes::{MAX_NAME, Value};
use session_core::client::{Client, MAX_TEXT};
use session_core::form_tokens::MAX_TOKENS;
use session_core::session::Access;

use crate::site::{Browser, Site, set};

#[test]
fn names_are_1_to_256_bytes() {
    let site = Site::new();
    let mut browser = Browser::default();
    let (longest, longer) = ("n".repeat(MAX_NAME), "n".repeat(MAX_NAME + 1));
    site.visit(&mut browser, |session| {
        for wrong in ["", &longer, &"\u{e9}".repeat(129)] {
            let error = session.set(wrong, Value::Null);
            let reason = "the name of an attribute must be 1 to 256 bytes";
            assert_eq!(error, Err(Error::InvalidArgument(reason.into())));
            let error = session.set_user(Some(wrong.into()));
            assert_eq!(error, Err(Error::InvalidArgument("a user must be 1 to 256 bytes".into())));
            assert_eq!(session.get(wrong), None);
            assert_eq!(session.remove(wrong), Ok(None));
        }
        assert!(!session.has_info());
        session.set(&longest, Value::Null).expect("set");
        session.set_user(Some(longest.clone())).expect("set_user");
    });
    let mut session = site.start(&browser, Access::ReadOnly);
    assert!(session.contains(&longest));
    assert_eq!(session.user(), Some(longest.as_str()));
    assert!(matches!(site.manager.end_sessions_of(""), Err(Error::InvalidArgument(_))));
    assert!(matches!(site.manager.end_sessions_of(&longer), Err(Error::InvalidArgument(_))));
}

#[test]
fn json_is_checked_when_it_is_set() {
    let site = Site::new();
    site.visit(&mut Browser::default(), |session| {
        let error = session.set("a", Value::Json("{'a': 1}".into()));
        assert_eq!(error, Err(Error::InvalidArgument("not JSON at line 1, column 2".into())));
        let deep = "[".repeat(100_000) + &"]".repeat(100_000);
        let error = session.set("a", Value::Json(deep));
        assert_eq!(error, Err(Error::InvalidArgument("JSON nested deeper than 128".into())));
        assert!(!session.contains("a"));
        session.set("a", Value::Json("{\"a\": 1}".into())).expect("set");
        session.set("b", Value::Text("{'a': 1}".into())).expect("text is any text");
    });
}

#[test]
fn a_session_keeps_the_newest_32_tokens() {
    let site = Site::new();
    let mut browser = Browser::default();
    let mut tokens = Vec::new();
    for _ in 0..5 {
        site.visit(&mut browser, |session| {
            for _ in 0..10 {
                tokens.push(session.create_form_token(site.random()).expect("token"));
            }
            let (old, new) = tokens.split_at(tokens.len().saturating_sub(MAX_TOKENS));
            assert!(new.iter().all(|token| session.has_form_token(token)));
            assert!(!old.iter().any(|token| session.has_form_token(token)));
        });
    }
    site.visit(&mut browser, |session| {
        for _ in 0..100 {
            tokens.push(session.create_form_token(site.random()).expect("token"));
        }
    });
    let session = site.start(&browser, Access::ReadOnly);
    let kept = tokens.iter().filter(|token| session.has_form_token(token)).count();
    assert_eq!(kept, MAX_TOKENS);
    assert!(tokens[tokens.len() - MAX_TOKENS..].iter().all(|token| session.has_form_token(token)));
}

#[test]
fn a_malformed_token_is_not_one_of_the_session() {
    let site = Site::new();
    let mut browser = Browser::default();
    site.visit(&mut browser, |session| {
        let token = session.create_form_token([0xab; 16]).expect("token");
        for wrong in [
            "",
            &token[1..],
            &format!("{token}0"),
            &format!("{token} "),
            &token.to_uppercase(),
            &"0".repeat(32),
            &"\u{e9}".repeat(16),
            &"\0".repeat(32),
            &"a".repeat(100_000),
        ] {
            assert!(!session.has_form_token(wrong), "{wrong:?}");
            assert_eq!(session.remove_form_token(wrong), Ok(false), "{wrong:?}");
        }
        assert!(session.has_form_token(&token));

        // A missing part must not be read as zeros.
        let token = session.create_form_token([0; 16]).expect("token");
        assert!(!session.has_form_token(""));
        assert!(!session.has_form_token(&token[2..]));
    });
}

#[test]
fn a_long_address_is_truncated_between_characters() {
    let site = Site::new();
    let long = "\u{20ac}".repeat(100_000);
    let session = site.manager.start_request(&[], Client::at(Some(&long)), Access::Optimistic, site.now());
    let mut session = session.expect("start");
    assert_eq!(session.remote_address(), Some("\u{20ac}".repeat(MAX_TEXT / 3).as_str()));
    set(&mut session, "a", 1);
    site.finish(&mut Browser::default(), session);
    assert!(site.store.only().contents.data.len() < 400);
}
