//! Untrusted text on a terminal: user names, request targets, client data, output of components.

use std::process::Stdio;

use host_tests::command::session3;
use host_tests::guest::adversary;
use host_tests::host::Host;
use host_tests::raw::Client;
use host_tests::server::{Server, private_directory};
use host_tests::visitor::{Page, request};
use reqwest::Method;
use session_conformance::client::contents;
use session_conformance::harness::Harness;

use super::{ended, objects, printed};

/// Control codes, reordered or invisible text.
const HOSTILE: [&str; 10] = [
    "\u{1b}[2J",
    "\u{9b}31m",
    "\u{202e}",
    "\u{2066}",
    "\u{61c}",
    "\u{200b}",
    "\u{ad}",
    "\u{fe0f}",
    "\u{e0041}",
    "\u{3164}",
];

#[track_caller]
fn is_safe(text: &str) {
    let hostile: Vec<_> = HOSTILE.iter().filter(|hostile| text.contains(*hostile)).collect();
    assert!(hostile.is_empty() && !text.contains(['\u{7}', '\r', '\t']), "{hostile:?} in {text:?}");
}

#[tokio::test]
async fn names_of_users() {
    let directory = private_directory();
    let store = Host::on(directory.path()).store().await;
    for hostile in HOSTILE {
        store.create(None, &contents(&format!("a{hostile}\n\u{7}b"), "x")).await.unwrap();
    }
    let table = printed(directory.path(), &["ls"]);
    is_safe(&table);
    assert_eq!(table.lines().count(), 1 + HOSTILE.len(), "{table}");
    assert!(table.contains("  a\\u{200b}\\u{a}\\u{7}b "), "{table}");
    is_safe(&printed(directory.path(), &["ls", "--json"]));
    for object in objects(directory.path(), &["ls"]) {
        let (id, owner) = (object["id"].as_str().unwrap(), object["owner"].as_str().unwrap());
        assert!(HOSTILE.iter().any(|hostile| owner.contains(hostile)), "JSON has it unescaped: {owner:?}");
        let shown = printed(directory.path(), &["show", id]);
        is_safe(&shown);
        let report = printed(directory.path(), &["rm", "--owner", owner]);
        is_safe(&report);
        assert!(report.starts_with("deleted 1 session of a\\u{"), "{report}");
    }
}

#[tokio::test]
async fn what_was_asked_for() {
    let directory = private_directory();
    Host::on(directory.path()).store().await;
    let dir = directory.path().to_str().unwrap();
    for hostile in HOSTILE {
        let word = &format!("x{hostile}\n\r\ty")[..];
        let calls: [&[&str]; 7] = [
            &["show", word, "--dir", dir],
            &["rm", word, "--dir", dir],
            &["ls", "--dir", word],
            &["serve", word, "--dir", dir],
            &["compose", word, "--output", word],
            &["bundle", "--output", &format!("/dev/null/{word}")],
            &[word],
        ];
        for arguments in calls {
            let (code, out, err) = ended(session3(arguments.iter().copied()).stdin(Stdio::null()));
            assert!(code == 1 || code == 2, "{arguments:?}: {code}");
            is_safe(&format!("{out}{}", err.replace('\t', "")));
            assert!(err.contains("\\u{") || arguments[0] == "show", "{arguments:?}: {err}");
        }
    }
}

/// A request target or component output is one line of the log, and no more.
#[tokio::test]
async fn lines_of_the_log() {
    let server = Server::of(adversary(), []);
    assert_eq!(Page::of(request(&server, Method::GET, "/print")).await.text, "printed");
    for hostile in HOSTILE {
        let head = format!("GET /fine{hostile} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        Client::begin(&server, &head).await.rest().await;
    }
    let log = server.log();
    assert!(log.contains("printed \\u{1b}[2J\\u{202e}å\n"), "{log}");
    assert!(log.contains("and\ttold\n"), "{log}");
    is_safe(&log.replace("and\ttold", ""));
    server.stop();
}
