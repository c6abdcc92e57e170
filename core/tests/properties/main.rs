//! Properties that hold for any input. The fuzzers in `fuzz/` search for counterexamples; here their corpora are
//! replayed, and random inputs tested.

use std::fs;
use std::path::Path;

use proptest::collection::vec;
use proptest::prelude::*;
use session_properties::{attributes, cookie, id, operations, record, slots};

/// Replays every file of a corpus; names the one that violates the property.
#[track_caller]
fn replay(target: &str, holds: fn(&[u8])) {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(target);
    let mut files = 0;
    for entry in fs::read_dir(&corpus).expect("a corpus") {
        let path = entry.expect("an entry").path();
        let data = fs::read(&path).expect("a file");
        println!("{}", path.display());
        holds(&data);
        files += 1;
    }
    assert!(files > 0, "{} is empty", corpus.display());
}

#[test]
fn the_corpora_hold() {
    replay("attributes", attributes::holds);
    replay("cookie", cookie::holds);
    replay("id", id::holds);
    replay("operations", operations::holds);
    replay("record", record::holds);
    replay("slots", slots::holds);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn ids_match_their_grammar(text in prop_oneof!["[0-9a-z_-]{0,140}", "[0-9a-z_-]{7,9}\\PC?", any::<String>()]) {
        id::of_text(&text);
    }

    #[test]
    fn a_credential_is_id_and_secret(value in prop_oneof!["[0-9a-z_-]{7,9}\\.[0-9a-f]{31,33}", "[0-9A-Z.]{40,50}", any::<String>()]) {
        cookie::of_value(&value);
    }

    #[test]
    fn cookies_are_found(text in "(__Host-session|a|=|;|\"|[ \t\n]|\\PC){0,40}") {
        cookie::holds(text.as_bytes());
    }

    #[test]
    fn json_is_what_parsers_accept(text in "([\\[\\]{},:]|\"[a\\\\u0d8]{0,6}\"|[-0-9.eE+]{1,5}|null|true| ){0,20}") {
        attributes::of_json(&text);
    }

    #[test]
    fn any_bytes_decode_or_are_corrupt(data in vec(any::<u8>(), 0..300)) {
        attributes::holds(&data);
    }

    #[test]
    fn any_file_decodes_or_is_corrupt(data in vec(any::<u8>(), 0..600)) {
        record::holds(&data);
    }

    #[test]
    fn no_power_cut_loses_an_acknowledged_save(data in vec(any::<u8>(), 0..600)) {
        slots::holds(&data);
    }

    #[test]
    fn sessions_match_the_model(data in vec(any::<u8>(), 0..600)) {
        operations::holds(&data);
    }
}
