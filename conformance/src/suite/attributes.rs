//! Attributes and form tokens.

use crate::bindings::Access::{Optimistic, ReadOnly};
use crate::bindings::Value;
use crate::browser::{Browser, new_session};
use crate::check::{refused, refused_for, same};
use crate::client::{Session, integer, text};
use crate::harness::Harness;

fn every_kind() -> Vec<(String, Value)> {
    let values = [
        Value::Null,
        Value::Boolean(false),
        Value::Boolean(true),
        integer(0),
        integer(i64::MIN),
        integer(i64::MAX),
        Value::Number(0.0),
        Value::Number(-0.0),
        Value::Number(f64::MIN_POSITIVE),
        Value::Number(f64::MAX),
        Value::Number(f64::INFINITY),
        Value::Number(f64::NAN),
        text(""),
        text("caf\u{e9} \u{1F40C} \0 \r\n"),
        text(&"long ".repeat(10_000)),
        Value::Bytes(vec![]),
        Value::Bytes((0..=255).collect()),
        Value::Json("{\"a\":[1,2.5e-3,null,true,{\"b\":\"\\u00e9\"}]}".into()),
        Value::Json(" [ ] ".into()),
        Value::Json("0".into()),
    ];
    values.into_iter().enumerate().map(|(at, value)| (format!("value-{at:02}"), value)).collect()
}

pub async fn every_kind_of_value_comes_back(host: &impl Harness) {
    let mut browser = Browser::new();
    let wanted = every_kind();
    let work = async |session: &Session| {
        for (name, value) in &wanted {
            session.set(name, value).await.unwrap();
            same(&session.get(name).await, &Some(value));
        }
    };
    browser.visit(&host.manager().await, Optimistic, work).await.unwrap();
    let entries = browser.visit(&host.manager().await, ReadOnly, async |session| session.entries().await).await;
    same(&entries.unwrap(), &wanted);
}

pub async fn it_is_a_dictionary(host: &impl Harness) {
    let manager = host.manager().await;
    let session = Browser::new().start(&manager, Optimistic).await.unwrap();
    for name in ["b", "a", "\u{e9}", "B", "aa"] {
        session.set(name, &text(name)).await.unwrap();
    }
    assert_eq!(session.names().await, ["B", "a", "aa", "b", "\u{e9}"]);
    let entries = session.entries().await;
    assert_eq!(entries.into_iter().map(|(name, _)| name).collect::<Vec<_>>(), session.names().await);
    assert_eq!(session.len().await, 5);
    assert!(session.contains("a").await && !session.contains("A").await);
    session.set("a", &integer(2)).await.unwrap();
    assert_eq!((session.count("a").await, session.len().await), (Some(2), 5));
    same(&session.remove("a").await.unwrap(), &Some(integer(2)));
    assert!(session.remove("a").await.unwrap().is_none());
    assert!(!session.contains("a").await && session.get("a").await.is_none());
    session.clear().await.unwrap();
    assert_eq!((session.len().await, session.names().await.len()), (0, 0));
    assert!(!session.has_info().await);
}

pub async fn names_have_1_to_256_bytes(host: &impl Harness) {
    let manager = host.manager().await;
    let session = Browser::new().start(&manager, Optimistic).await.unwrap();
    let (longest, too_long) = ("x".repeat(256), "x".repeat(257));
    for good in ["a", &longest, "\0", "__proto__", "user", "id", "a.b/c"] {
        session.set(good, &text("x")).await.unwrap();
        assert!(session.contains(good).await, "{good}");
    }
    assert_eq!(session.user().await, None, "an attribute does not set the user");
    for bad in ["", &too_long] {
        refused_for(session.set(bad, &text("x")).await, "invalid-argument", &bad);
        assert!(session.get(bad).await.is_none() && !session.contains(bad).await);
    }
}

pub async fn only_json_is_json(host: &impl Harness) {
    let manager = host.manager().await;
    let session = Browser::new().start(&manager, Optimistic).await.unwrap();
    let good = [
        "null",
        "true",
        "0",
        "-0",
        "1e10",
        "-1.5E-7",
        "\"\"",
        "\"\\u0000\\n\\/\"",
        "[]",
        "{}",
        " [1 , 2]\n",
        "{\"a\":1,\"a\":2}",
        "\"\u{1F40C}\"",
        "\"\u{7f}\"",
    ];
    for json in good {
        session.set("json", &Value::Json(json.into())).await.unwrap();
        same(&session.get("json").await, &Some(Value::Json(json.into())));
    }
    let deep = "[".repeat(1_000_000);
    let bad = [
        "",
        " ",
        "nul",
        "True",
        "01",
        "+1",
        "1.",
        ".5",
        "1e",
        "--1",
        "0x10",
        "NaN",
        "Infinity",
        "'a'",
        "\"",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\n\"",
        "[1,]",
        "[",
        "]",
        "[1 2]",
        "{a:1}",
        "{\"a\"}",
        "{\"a\":}",
        "{,}",
        "{\"a\":1,}",
        "1 2",
        "{}{}",
        "\u{feff}1",
        "/**/1",
        "\u{a0}1",
        "undefined",
        &deep,
    ];
    for json in bad {
        refused_for(
            session.set("json", &Value::Json(json.into())).await,
            "invalid-argument",
            &&json[..json.len().min(20)],
        );
    }
    same(&session.get("json").await, &Some(Value::Json(good[13].into())));
}

pub async fn form_tokens_are_good_for_once(host: &impl Harness) {
    let manager = host.manager().await;
    let mut browser = Browser::new();
    let work = async |session: &Session| {
        [session.create_form_token().await.unwrap(), session.create_form_token().await.unwrap()]
    };
    let [one, two] = browser.visit(&manager, Optimistic, work).await.unwrap();
    assert_ne!(one, two);
    assert!(one.len() >= 22, "128 bits need at least 22 characters: {one}");
    for (first, used) in [(true, &one), (false, &one), (true, &two)] {
        let work = async |session: &Session| {
            assert_eq!(session.has_form_token(used).await, first);
            assert_eq!(session.remove_form_token(used).await.unwrap(), first);
            assert!(!session.has_form_token(used).await);
        };
        browser.visit(&manager, Optimistic, work).await.unwrap();
    }
    assert!(!browser.has_cookie(), "the session had nothing but tokens");
}

pub async fn a_session_keeps_the_newest_32_tokens(host: &impl Harness) {
    let manager = host.manager().await;
    let mut browser = Browser::new();
    let mut tokens = Vec::new();
    for _ in 0..5 {
        let work = async |session: &Session| {
            for _ in 0..8 {
                tokens.push(session.create_form_token().await.unwrap());
            }
        };
        browser.visit(&manager, Optimistic, work).await.unwrap();
    }
    let session = browser.start(&manager, ReadOnly).await.unwrap();
    for (at, token) in tokens.iter().enumerate() {
        assert_eq!(session.has_form_token(token).await, at >= 8, "token {at} of {}", tokens.len());
    }
}

pub async fn wrong_tokens_are_no_tokens(host: &impl Harness) {
    let manager = host.manager().await;
    let session = Browser::new().start(&manager, Optimistic).await.unwrap();
    let token = session.create_form_token().await.unwrap();
    let shorter = token[..token.len() - 1].to_owned();
    for wrong in ["", "x", &shorter, &format!("{token}0"), &token.to_uppercase(), &"x".repeat(100_000)] {
        if wrong != token {
            assert!(!session.has_form_token(wrong).await, "{wrong:.50}");
            assert!(!session.remove_form_token(wrong).await.unwrap(), "{wrong:.50}");
        }
    }
    assert!(session.has_form_token(&token).await);
}

/// A form submitted twice, concurrently.
pub async fn a_token_used_twice_at_once_is_a_conflict(host: &impl Harness) {
    let (manager, other) = (host.manager().await, host.manager().await);
    let mut browser = new_session(&manager).await;
    let token =
        browser.visit(&manager, Optimistic, async |session| session.create_form_token().await.unwrap()).await.unwrap();
    let (first, second) =
        (browser.start(&manager, Optimistic).await.unwrap(), browser.start(&other, Optimistic).await.unwrap());
    for session in [&first, &second] {
        assert!(session.remove_form_token(&token).await.unwrap());
        session.increment(if std::ptr::eq(session, &first) { "first" } else { "second" }).await;
    }
    manager.finish(first).await.unwrap();
    let answer = other.finish(second).await;
    refused(answer.map_err(without_version), "conflict 0");
    let names = browser.visit(&manager, ReadOnly, async |session| session.names().await).await.unwrap();
    assert_eq!(names, ["first", "visits"]);
}

fn without_version(error: crate::bindings::Error) -> crate::bindings::Error {
    match error {
        crate::bindings::Error::Conflict(_) => crate::bindings::Error::Conflict(0),
        other => other,
    }
}

/// A log must not contain credentials.
pub async fn a_dump_has_no_secret(host: &impl Harness) {
    let manager = host.manager().await;
    let mut browser = new_session(&manager).await;
    let work = async |session: &Session| {
        session.set_user(Some("ann")).await.unwrap();
        session.set("colour", &text("green")).await.unwrap();
        session.create_form_token().await.unwrap()
    };
    let token = browser.visit(&manager, Optimistic, work).await.unwrap();
    let id = browser.look(&manager).await.unwrap();
    let dump = browser.visit(&manager, ReadOnly, async |session| session.dump().await).await.unwrap();
    let secret = &browser.cookie()[id.len() + 1..];
    for there in [id.as_str(), "ann", "colour"] {
        assert!(dump.contains(there), "{there} is missing from:\n{dump}");
    }
    for not_there in [secret, &token] {
        assert!(!dump.contains(not_there), "{not_there} is in:\n{dump}");
    }
}
