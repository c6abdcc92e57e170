//! The cookies of a request are controlled by the client: any bytes.

use session_core::cookie::{self, Credentials, Policy, SameSite};
use session_core::credential::Credential;

use crate::bytes::Bytes;
use crate::id::is_id;

const NAME: &str = "__Host-session";
const OURS: &str = "0123456789abcdef.00112233445566778899aabbccddeeff";

/// Each line of the input is a field of the request; the first one is also a value, and the settings of a policy.
pub fn holds(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let fields: Vec<String> = text.split('\n').map(String::from).collect();
    what_is_found_is_there(&fields, NAME);
    what_is_found_is_there(&fields, "a");
    ours_is_found_among_others(&fields);
    of_value(&fields[0]);
    of_policy(data);
}

fn what_is_found_is_there(fields: &[String], name: &str) {
    for value in cookie::cookies(fields, name) {
        this_is_there(fields, name, value);
    }
    let credentials = Policy { name: name.into(), ..Policy::default() }.find(fields);
    assert!(credentials.candidates.len() <= Credentials::MAX);
    for credential in credentials.candidates {
        assert!(cookie::cookies(fields, name).any(|value| value == credential.value()));
    }
}

fn this_is_there(fields: &[String], name: &str, value: &str) {
    if let Some(credential) = Credential::parse(value) {
        assert_eq!(credential.value(), value);
    }
    assert!(!value.contains(';'));
    let pairs = [format!("{name}={value}"), format!("{name}=\"{value}\"")];
    let there = |field: &String| field.split(';').any(|part| pairs.iter().any(|pair| is_with_space(part, pair)));
    assert!(fields.iter().any(there), "{value:?} was found in {fields:?}");
}

/// Whether a text is this pair surrounded only by spaces and tabs.
fn is_with_space(text: &str, pair: &str) -> bool {
    text.match_indices(pair).any(|(at, _)| {
        let around = [&text[..at], &text[at + pair.len()..]].concat();
        around.bytes().all(|b| b == b' ' || b == b'\t')
    })
}

fn ours_is_found_among_others(fields: &[String]) {
    let others: Vec<String> = fields.iter().filter(|field| !field.contains(NAME)).cloned().collect();
    let found = |fields: &[String]| cookie::cookies(fields, NAME).map(String::from).collect::<Vec<_>>();
    let candidates = |fields: &[String]| {
        let found = Policy::default().find(fields);
        (found.candidates.iter().map(Credential::value).collect::<Vec<_>>(), found.several)
    };
    assert!(found(&others).is_empty());
    for at in 0..=others.len().min(3) {
        let mut with = others.clone();
        with.insert(at, format!("theme=dark;\t{NAME}={OURS} ; lang=de"));
        assert_eq!(found(&with), [OURS]);
        with.insert(0, format!("{NAME}=\"{OURS}\""));
        assert_eq!(candidates(&with), (vec![OURS.to_string()], false), "twice the same");
        with.push(format!("{NAME}={OURS}0"));
        assert_eq!(candidates(&with), (vec![OURS.to_string()], true), "twice and not the same, one of our form");
    }
}

/// A value parses as a credential exactly when it is one, and then as that one.
pub fn of_value(value: &str) {
    let expected = value.split_once('.').is_some_and(|(id, secret)| {
        is_id(id) && secret.len() == 32 && secret.bytes().all(|b| b"0123456789abcdef".contains(&b))
    });
    let parsed = Credential::parse(value);
    assert_eq!(parsed.is_some(), expected, "{value:?}");
    if let Some(credential) = parsed {
        assert_eq!(credential.value(), value);
        assert!(credential.hash().matches(&credential.hash()));
        let ours = Credential::parse(OURS).expect("a credential");
        assert_eq!(credential.hash().matches(&ours.hash()), value == OURS);
    }
}

/// An accepted policy yields fields that header parsers read unambiguously.
fn of_policy(data: &[u8]) {
    let mut bytes = Bytes(data);
    let same_site = [SameSite::Strict, SameSite::Lax, SameSite::None][bytes.below(3)];
    let secure = bytes.below(2) == 0;
    let name = String::from_utf8_lossy(bytes.block()).into_owned();
    let path = String::from_utf8_lossy(bytes.0).into_owned();
    let policy = Policy { name, secure, same_site, path, ..Policy::default() };
    if policy.check().is_err() {
        return;
    }
    let credential = Credential::parse(OURS).expect("a credential");
    for (fields, value) in [(policy.set(&credential, None), OURS), (policy.revoke(), "")] {
        let (header, set_cookie) = &fields[0];
        assert_eq!(header, "set-cookie");
        assert!(set_cookie.bytes().all(|b| (b' '..=b'~').contains(&b)), "{set_cookie:?}");
        let (pair, attributes) = set_cookie.split_once("; ").expect("attributes");
        assert!(cookie::cookies(&[pair.to_string()], &policy.name).eq([value]));
        assert!(attributes.split("; ").count() <= 5, "{set_cookie:?}");
        assert_eq!(attributes.split("; ").next(), Some(format!("Path={}", policy.path).as_str()));
        assert_eq!(attributes.ends_with("; Secure"), policy.secure);
    }
}
