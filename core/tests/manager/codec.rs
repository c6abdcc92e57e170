//! The codec of session data: round trips, and hostile input.

use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use session_core::Error;
use session_core::attributes::Value;
use session_core::credential::Credential;
use session_core::form_tokens::{FormTokens, MAX_TOKENS, TokenHash};
use session_core::map::Map;
use session_core::state::{More, Replaced, State};

const SECRET: &str = "0123456789abcdef.00112233445566778899aabbccddeeff";

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Boolean),
        any::<i64>().prop_map(Value::Integer),
        any::<u64>().prop_map(|bits| Value::Number(f64::from_bits(bits))),
        any::<String>().prop_map(Value::Text),
        vec(any::<u8>(), 0..300).prop_map(Value::Bytes),
        any::<String>().prop_map(Value::Json),
    ]
}

fn state() -> impl Strategy<Value = State> {
    let attributes = btree_map("\\PC{1,20}", value(), 0..10);
    let tokens = vec(any::<[u8; 16]>(), 0..40);
    (option::of("\\PC{1,20}"), option::of(any::<String>()), attributes, tokens).prop_map(
        |(user, remote_address, attributes, randoms)| {
            let mut tokens = FormTokens::default();
            randoms.into_iter().for_each(|random| tokens.add(TokenHash::new(random)));
            State { secret: secret(), user, remote_address, attributes: map(attributes), tokens, ..State::default() }
        },
    )
}

fn map(entries: impl IntoIterator<Item = (String, Value)>) -> Map<Value> {
    let mut map = Map::default();
    entries.into_iter().for_each(|(name, value)| map.insert(&name, value));
    map
}

fn secret() -> session_core::credential::SecretHash {
    Credential::parse(SECRET).expect("a credential").hash()
}

fn sample() -> State {
    let mut tokens = FormTokens::default();
    tokens.add(TokenHash::new([7; 16]));
    State {
        secret: secret(),
        user: Some("alice".into()),
        remote_address: Some("::1".into()),
        attributes: map([
            ("b".into(), Value::Boolean(true)),
            ("d".into(), Value::Bytes(vec![0, 255])),
            ("i".into(), Value::Integer(-2)),
            ("j".into(), Value::Json("[]".into())),
            ("n".into(), Value::Null),
            ("t".into(), Value::Text("x".into())),
            ("x".into(), Value::Number(1.5)),
        ]),
        tokens,
        ..State::default()
    }
}

/// The bytes of format 1. Sessions outlive the programs that stored them: if this test fails, add a new format.
#[test]
fn format_1_is_stable() {
    let mut expected = vec![1, 32];
    expected.extend(SAMPLE_SECRET);
    expected.extend(b"\x01\x05alice\x01\x03::1\x07");
    expected.extend(b"\x01b\x01\x01\x01d\x05\x02\x00\xff\x01i\x02\x03\x01j\x06\x02[]\x01n\x00\x01t\x04\x01x");
    expected.extend(b"\x01x\x03\0\0\0\0\0\0\xf8\x3f");
    expected.push(16);
    expected.extend(SAMPLE_TOKEN);
    assert_eq!(sample().encode().expect("encode"), expected);

    let state = State::decode(&expected).expect("decode");
    assert_eq!(state.attributes, sample().attributes);
    assert!(state.tokens.has(TokenHash::new([7; 16])));
}

fn sample_with_more() -> State {
    let mut state = sample();
    state.more = More {
        user_agent: Some("ua".into()),
        authenticated: Some(300),
        remembered: true,
        renewed: Some(1),
        unconfirmed: true,
        expirations: Map::default(),
        flashes: map([("f".into(), Value::Null)]),
        replaced: Some(Replaced { by: "12345678".into(), until: 2 }),
    };
    state.set("i", Value::Integer(-2), Some(3));
    state
}

/// The bytes of format 2: format 1, with more fields appended.
#[test]
fn format_2_is_stable() {
    let mut expected = sample().encode().expect("encode");
    expected[0] = 2;
    expected.extend(b"\x01\x02ua\x01\xac\x02\x01\x01\x01\x01\x01\x01i\x03\x01\x01f\x00\x01\x0812345678\x02");
    assert_eq!(sample_with_more().encode().expect("encode"), expected);
    let state = State::decode(&expected).expect("decode");
    assert_eq!(state.more, sample_with_more().more);
    assert_eq!(state.attributes, sample().attributes);
    for end in 0..expected.len() {
        assert!(matches!(State::decode(&expected[..end]), Err(Error::Corrupt(_))), "cut at {end}");
    }
}

#[test]
fn invalid_extra_fields_are_corrupt() {
    let with = |change: &dyn Fn(&mut More)| {
        let mut state = sample_with_more();
        change(&mut state.more);
        State::decode(&state.encode().expect("encode"))
    };
    assert!(with(&|_| ()).is_ok());
    assert!(with(&|more| more.expirations.insert("nothing", 1)).is_err(), "no such attribute");
    assert!(with(&|more| more.flashes.insert("", Value::Null)).is_err());
    assert!(with(&|more| more.flashes.insert(&"x".repeat(257), Value::Null)).is_err());
    assert!(with(&|more| more.replaced = Some(Replaced { by: "../../..".into(), until: 2 })).is_err());
}

/// SHA-256 of "session3 cookie secret 1\0", "0123456789abcdef" and the bytes 00 11 .. ff.
const SAMPLE_SECRET: [u8; 32] = [
    0x12, 0x50, 0x78, 0xbe, 0x72, 0xb8, 0xd7, 0x8c, 0xbf, 0x04, 0x9f, 0x36, 0x64, 0xed, 0x3a, 0x60, 0xbb, 0x8b, 0x7a,
    0x1f, 0xff, 0xaa, 0xb7, 0x84, 0x61, 0xec, 0x92, 0x2f, 0x36, 0x92, 0xdd, 0xd7,
];

/// The first half of SHA-256 of "session3 form token 1\0" and sixteen bytes 7.
const SAMPLE_TOKEN: [u8; 16] =
    [0xcd, 0x29, 0xdd, 0x29, 0x1c, 0x2e, 0xf2, 0x21, 0x17, 0x52, 0xd3, 0xaa, 0xe3, 0x07, 0xbf, 0xc8];

#[test]
fn truncated_data_and_trailing_bytes_are_corrupt() {
    let whole = sample().encode().expect("encode");
    for end in 0..whole.len() {
        let error = State::decode(&whole[..end]).expect_err("cut");
        assert!(matches!(error, Error::Corrupt(_)), "cut at {end}: {error:?}");
    }
    for more in [&[0][..], &[0; 100], &whole] {
        let error = State::decode(&[&whole, more].concat()).expect_err("more");
        assert_eq!(error, Error::Corrupt("not the data of a managed session: trailing bytes".into()));
    }
}

#[test]
fn the_error_says_what_is_wrong() {
    let corrupt = |data: &[u8], text: &str| {
        assert_eq!(State::decode(data).expect_err(text), Error::Corrupt(text.into()));
    };
    corrupt(b"", "not the data of a managed session: it is empty");
    corrupt(b"\x80\x04\x95", "data of a managed session in format 128; this manager reads formats 1 to 3");
    corrupt(b"\x01abc", "not the data of a managed session: it is truncated or damaged");
    let mut nameless = sample();
    nameless.attributes.insert("", Value::Null);
    corrupt(&nameless.encode().expect("encode"), "not the data of a managed session: a name is empty or too long");
    let nobody = State { user: Some(String::new()), ..sample() };
    corrupt(&nobody.encode().expect("encode"), "not the data of a managed session: a name is empty or too long");
}

/// Few bytes that announce many: the decoder must not allocate for missing data.
#[test]
fn announced_lengths_are_not_trusted() {
    let huge = [0xff, 0xff, 0xff, 0xff, 0x0f];
    let head = |rest: &[u8]| [&[1, 32][..], &[0; 32], rest, &huge].concat();
    for data in [head(&[1]), head(&[0, 1]), head(&[0, 0]), head(&[0, 0, 1, b'a', 5]), head(&[0, 0, 0])] {
        assert!(matches!(State::decode(&data), Err(Error::Corrupt(_))));
    }
}

#[test]
fn more_tokens_than_a_session_can_have_are_corrupt() {
    let with = |length: usize| {
        let mut data = [&[1, 32][..], &[0; 32], &[0, 0, 0]].concat();
        data.extend([(length & 0x7f) as u8 | 0x80, (length >> 7) as u8]);
        data.resize(data.len() + length, 5);
        State::decode(&data)
    };
    assert!(with(MAX_TOKENS * 16).is_ok());
    assert!(with(MAX_TOKENS * 16 - 1).is_err());
    assert!(with(MAX_TOKENS * 16 + 16).is_err());
}

#[test]
fn a_hash_of_another_length_and_names_out_of_order_are_corrupt() {
    let with = |length: u8, attributes: &[u8]| {
        let hash = vec![0; usize::from(length)];
        State::decode(&[&[1, length][..], &hash, &[0, 0, 2], attributes, &[0]].concat())
    };
    assert!(with(32, b"\x01a\x00\x01b\x00").is_ok());
    assert!(with(32, b"\x01b\x00\x01a\x00").is_err());
    assert!(with(32, b"\x01a\x00\x01a\x00").is_err());
    assert!(with(31, b"\x01a\x00\x01b\x00").is_err());
    assert!(with(33, b"\x01a\x00\x01b\x00").is_err());
}

#[test]
fn debug_shows_no_value_and_no_hash() {
    assert_eq!(format!("{:?}", sample()), "State { user: Some(\"alice\"), attributes: 7, tokens: 1, .. }");
}

proptest! {
    #[test]
    fn every_state_round_trips(state in state()) {
        let data = state.encode().expect("encode");
        let read = State::decode(&data).expect("decode");
        prop_assert_eq!(&read.user, &state.user);
        prop_assert_eq!(&read.remote_address, &state.remote_address);
        prop_assert_eq!(&read.attributes, &state.attributes);
        prop_assert!(read.secret.matches(&state.secret));
        prop_assert_eq!(read.tokens.len(), state.tokens.len());
        prop_assert_eq!(read.encode().expect("encode"), data);
    }

    #[test]
    fn any_bytes_decode_or_are_corrupt(mut data in vec(any::<u8>(), 0..400), format in prop_oneof![Just(1), any::<u8>()]) {
        if let Some(first) = data.first_mut() {
            *first = format;
        }
        if let Err(error) = State::decode(&data) {
            prop_assert!(matches!(error, Error::Corrupt(_)));
        }
    }

    #[test]
    fn damaged_data_decodes_or_is_corrupt(at in any::<prop::sample::Index>(), with in any::<u8>()) {
        let mut data = sample().encode().expect("encode");
        let at = at.index(data.len());
        data[at] = with;
        if let Err(error) = State::decode(&data) {
            prop_assert!(matches!(error, Error::Corrupt(_)));
        }
    }
}
