//! The command `session3`: its output and exit codes.

mod cache;
mod copy;
mod names;
mod read_only;
mod readers;
mod signals;

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use host_tests::command::session3;
use host_tests::host::Host;
use host_tests::server::{Server, private_directory};
use host_tests::tree::tree;
use host_tests::visitor::Visitor;
use serde_json::{Value, json};
use session_conformance::client::data;
use session_conformance::clock::{HOUR, MINUTE};
use session_conformance::harness::Harness;
use tempfile::TempDir;

/// How a call ends: exit code, standard output, standard error.
#[track_caller]
fn ended(command: &mut Command) -> (i32, String, String) {
    let Output { status, stdout, stderr } = command.stdin(Stdio::null()).output().unwrap();
    let [out, err] = [stdout, stderr].map(|text| String::from_utf8(text).unwrap());
    (status.code().expect("an exit code"), out, err)
}

/// The output of a successful call. Standard error is empty: no progress, no log.
#[track_caller]
fn printed(store: &Path, arguments: &[&str]) -> String {
    let (code, out, err) = ended(session3(arguments.iter().copied()).arg("--dir").arg(store));
    assert_eq!((code, &err[..]), (0, ""), "{arguments:?}");
    out
}

/// The JSON objects printed by a successful call.
#[track_caller]
fn objects(store: &Path, arguments: &[&str]) -> Vec<Value> {
    let out = printed(store, &[arguments, &["--json"]].concat());
    out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A call fails with this exit code and these words on standard error.
#[track_caller]
fn fails(command: &mut Command, code: i32, words: &[&str]) {
    let (actual, out, err) = ended(command);
    assert_eq!((actual, &out[..]), (code, ""), "{command:?}: {err}");
    for word in words {
        assert!(err.contains(word), "{command:?}: expected {word:?} in {err:?}");
    }
    assert!(!err.contains("panicked") && !err.contains("stack backtrace"), "{err}");
}

#[track_caller]
fn fails_on(store: &Path, arguments: &[&str], words: &[&str]) {
    fails(session3(arguments.iter().copied()).arg("--dir").arg(store), 1, words);
}

/// A store of sessions without an owner: `session-0`, `session-1`, ...
async fn store_of(count: usize) -> TempDir {
    let directory = private_directory();
    let store = Host::on(directory.path()).store().await;
    for number in 0..count {
        store.create(Some(&format!("session-{number}")), &data("x")).await.unwrap();
    }
    directory
}

/// A store with two sessions of alice, one with attributes, and one without an owner; the ids in this order.
async fn filled() -> (TempDir, [String; 3]) {
    let directory = private_directory();
    let server = Server::on(directory.path());
    let mut ids = Vec::new();
    for user in ["alice", "alice", ""] {
        let visitor = Visitor::with_session(&server).await;
        if !user.is_empty() {
            visitor.post(&server, "/login", &[("user", user)]).await;
        }
        if ids.is_empty() {
            for (name, kind, value) in ATTRIBUTES {
                visitor.post(&server, "/attributes/set", &[("name", name), ("type", kind), ("value", value)]).await;
            }
        }
        ids.push(visitor.get(&server, "/").await.id().unwrap().to_owned());
    }
    server.stop();
    (directory, ids.try_into().unwrap())
}

const ATTRIBUTES: [(&str, &str, &str); 6] = [
    ("a text", "text", "\u{1b}[2J \u{202e}x"),
    ("count", "integer", "-7"),
    ("ratio", "number", "0.25"),
    ("yes", "boolean", "true"),
    ("nested", "json", r#"{"a":[1,null]}"#),
    ("nothing", "null", ""),
];

#[test]
fn help_and_version_are_printed() {
    let (code, out, err) = ended(&mut session3(["--version"]));
    assert_eq!((code, &out[..], &err[..]), (0, concat!("session3 ", env!("CARGO_PKG_VERSION"), "\n"), ""));
    let (code, out, err) = ended(&mut session3(["--help"]));
    assert_eq!((code, &err[..]), (0, ""));
    for command in ["demo", "serve", "ls", "show", "rm", "gc", "stats"] {
        assert!(out.contains(&format!("\n  {command} ")), "{command}: {out}");
        let (code, out, err) = ended(&mut session3([command, "--help"]));
        assert_eq!((code, &err[..]), (0, ""), "{command}");
        assert!(out.contains("--dir <DIR>"), "{command}: {out}");
    }
    let (code, out_of_copy, err) = ended(&mut session3(["copy", "--help"]));
    assert_eq!((code, &err[..]), (0, ""));
    assert!(out.contains("\n  copy ") && out_of_copy.contains("--from <URL>"), "{out}{out_of_copy}");
    assert!(out.contains("\nExit codes:\n  0  "), "{out}");
}

#[test]
fn what_cannot_be_meant_exits_with_2() {
    fails(&mut session3([]), 2, &["Usage: session3"]);
    for (arguments, word) in [
        (&["list"][..], "unrecognized subcommand"),
        (&["ls", "--nothing"], "--nothing"),
        (&["show"], "<ID>"),
        (&["rm"], "<ID>"),
        (&["rm", "abc", "--owner", "alice"], "cannot be used with"),
        (&["serve"], "<APP.wasm>"),
        (&["gc", "--older-than", "-1"], "-1"),
        (&["gc", "--older-than", "soon"], "soon"),
        (&["demo", "--listen", "8080"], "8080"),
        (&["demo", "--memory-limit", "64MB"], "unknown unit"),
        (&["demo", "--timeout", "0"], "0"),
        (&["demo", "--max-instances", "0"], "0"),
        (&["demo", "--scope", "planet"], "planet"),
        (&["demo", "--metrics", "9100"], "9100"),
        (&["demo", "--gc-interval", "-1"], "-1"),
    ] {
        fails(&mut session3(arguments.iter().copied()), 2, &[word]);
    }
}

#[tokio::test]
async fn ls_lists_sessions() {
    let (directory, ids) = filled().await;
    let store = directory.path();
    let table = printed(store, &["ls"]);
    let rows: Vec<Vec<_>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows[0], ["ID", "OWNER", "SIZE", "VERSION", "CREATED", "LAST", "ACTIVE", "EXPIRES"]);
    let owners: BTreeMap<_, _> = rows[1..].iter().map(|row| (row[0], row[1])).collect();
    assert_eq!(owners, [(&ids[0][..], "alice"), (&ids[1], "alice"), (&ids[2], "-")].into());

    let found = objects(store, &["ls"]);
    assert_eq!(found.len(), 3);
    for object in &found {
        assert_eq!(object["idle-timeout"], 30 * MINUTE);
        let [created, deadline] = ["created", "deadline"].map(|name| object[name].as_u64().unwrap());
        // They count from the start of the request that created the session, or from the login.
        assert!((12 * HOUR - MINUTE..13 * HOUR).contains(&(deadline - created)), "{object}");
        assert_eq!(object["expires"].as_u64().unwrap(), object["last-active"].as_u64().unwrap() + 30 * MINUTE);
    }
    let of_alice: Vec<_> =
        objects(store, &["ls", "--owner", "alice"]).iter().map(|object| object["id"].clone()).collect();
    assert_eq!(of_alice, [json!(ids[0]), json!(ids[1])], "oldest first");
    assert_eq!(printed(store, &["ls", "--owner", "bob"]), "");
}

#[tokio::test]
async fn show_shows_what_a_session_holds() {
    let (directory, ids) = filled().await;
    let text = printed(directory.path(), &["show", &ids[0]]);
    for line in [
        format!("id:           {}", ids[0]),
        "owner:        alice".into(),
        "user:         alice".into(),
        "address:      127.0.0.1".into(),
        "  count = -7".into(),
        "  keep = true".into(),
        r#"  nested = {"a":[1,null]}"#.into(),
        "  nothing = null".into(),
        "attributes: 7".into(),
    ] {
        assert!(text.lines().any(|other| other == line), "{line:?}: {text}");
    }
    assert!(!text.contains(['\u{1b}', '\u{202e}']), "control characters are escaped: {text:?}");

    let found = objects(directory.path(), &["show", &ids[0]]);
    let [object] = &found[..] else { panic!("{found:?}") };
    assert_eq!((&object["id"], &object["owner"], &object["user"]), (&json!(ids[0]), &json!("alice"), &json!("alice")));
    let attributes = json!({
        "a text": ATTRIBUTES[0].2, "count": -7, "ratio": 0.25, "yes": true, "nested": {"a": [1, null]}, "nothing": null,
        "keep": true
    });
    assert_eq!(object["attributes"], attributes);
    for (id, words) in [
        (&"0".repeat(32)[..], ["show", "no session"]),
        ("../../etc/passwd", ["show", "that is no session id"]),
        ("", ["show", "that is no session id"]),
    ] {
        fails_on(directory.path(), &["show", id], &words);
    }
}

#[tokio::test]
async fn rm_deletes_sessions() {
    let (directory, ids) = filled().await;
    let store = directory.path();
    let unknown = "0".repeat(32);
    let (code, out, err) = ended(session3(["rm", &unknown, &ids[2], "../x", "--dir"]).arg(store));
    assert_eq!((code, &out[..]), (1, "deleted 1 session\n"), "{err}");
    assert!(err.contains(&format!("no session {unknown}")) && err.contains("../x: that is no session id"), "{err}");
    assert_eq!(objects(store, &["ls"]).len(), 2);
    assert_eq!(printed(store, &["rm", "--owner", "alice"]), "deleted 2 sessions of alice\n");
    assert_eq!(objects(store, &["rm", "--owner", "alice"]), [json!({"deleted": 0})]);
    assert_eq!(printed(store, &["ls"]), "");
}

#[tokio::test]
async fn gc_and_stats_count() {
    let (directory, _) = filled().await;
    let store = directory.path();
    let stats = &objects(store, &["stats"])[0];
    assert_eq!((&stats["sessions"], &stats["owned"], &stats["unreadable"]), (&json!(3), &json!(2), &json!(0)));
    assert!(stats["bytes"].as_u64() > stats["largest"].as_u64());
    assert!(printed(store, &["stats"]).starts_with("sessions:     3 (2 with an owner)\nunreadable:   0\n"));

    let report = &objects(store, &["gc"])[0];
    assert_eq!((&report["expired"], &report["abandoned"]), (&json!(0), &json!(0)));
    assert!(printed(store, &["gc"]).starts_with("deleted 0 expired records and 0 abandoned ones, "));
    let report = &objects(store, &["gc", "--older-than", "60"])[0];
    // Including the records of two ids from before the logins.
    assert_eq!((&report["unused"], &report["remaining"]), (&json!(0), &json!(5)));
    let report = printed(store, &["gc", "--older-than", "0"]);
    assert!(report.contains("deleted 5 records unused for 0 minutes; 0 remain\n"), "{report}");
    assert_eq!(objects(store, &["stats"])[0]["sessions"], 0);
}

/// Administrative commands work while a server uses the store.
#[tokio::test]
async fn a_store_is_looked_after_while_it_is_used() {
    let server = Server::new();
    let visitor = Visitor::with_session(&server).await;
    let id = visitor.get(&server, "/").await.id().unwrap().to_owned();
    assert_eq!(objects(server.path(), &["ls"])[0]["id"], id);
    assert_eq!(printed(server.path(), &["rm", &id]), "deleted 1 session\n");
    assert_eq!(visitor.get(&server, "/").await.id(), None);
}

/// As in a container, or after `ulimit -v`.
#[tokio::test]
async fn a_gibibyte_of_addresses_is_enough() {
    let directory = store_of(3).await;
    for arguments in [&["ls"][..], &["stats"], &["show", "session-1"], &["rm", "session-1"], &["gc"]] {
        let mut shell = Command::new("sh");
        shell.arg("-c").arg(r#"ulimit -v 1048576 && exec "$0" "$@""#).arg(session3([]).get_program()).args(arguments);
        let (code, _, err) = ended(shell.arg("--dir").arg(directory.path()));
        assert_eq!((code, &err[..]), (0, ""), "{arguments:?}");
    }
}

const ON_STORES: [&[&str]; 6] = [&["ls"], &["ls", "--owner", "x"], &["show", "x"], &["rm", "x"], &["gc"], &["stats"]];

#[test]
fn what_is_no_store_is_refused_and_left_as_it_is() {
    let directory = private_directory();
    let file = directory.path().join("file");
    fs::write(&file, "x").unwrap();
    let before = tree(directory.path());
    for arguments in ON_STORES {
        let command = format!("session3: {}: ", arguments[0]);
        let missing = directory.path().join("missing");
        fails_on(&missing, arguments, &[&command, "there is no session store in", "check --dir"]);
        fails_on(directory.path(), arguments, &[&command, "there is no session store in"]);
        fails_on(&file, arguments, &[&command, "is not a directory"]);
        assert_eq!(tree(directory.path()), before, "{arguments:?}");
    }
    fails_on(&file, &["demo", "--listen", "127.0.0.1:0"], &["session3: demo: "]);
}

#[tokio::test]
async fn a_directory_that_others_can_read_is_refused() {
    let (directory, _) = filled().await;
    let link = directory.path().with_extension("link");
    symlink(directory.path(), &link).unwrap();
    for mode in [0o755, 0o750, 0o701] {
        fs::set_permissions(directory.path(), Permissions::from_mode(mode)).unwrap();
        let advice = format!("run `chmod 700 {}` first", directory.path().display());
        for arguments in ON_STORES {
            fails_on(directory.path(), arguments, &[&format!("(mode {mode:o})"), &advice]);
        }
        fails_on(directory.path(), &["demo", "--listen", "127.0.0.1:0"], &[&advice]);
        fails_on(&link, &["ls"], &["chmod 700"]);
    }
    fs::remove_file(link).unwrap();
    fs::set_permissions(directory.path(), Permissions::from_mode(0o700)).unwrap();
    assert_eq!(objects(directory.path(), &["ls"]).len(), 3);
}

#[test]
fn a_port_in_use_is_named() {
    let server = Server::new();
    let directory = private_directory();
    let words = ["session3: demo: cannot listen on", server.address(), "--listen"];
    fails_on(directory.path(), &["demo", "--listen", server.address()], &words);
}

#[test]
fn what_cannot_be_served_is_said() {
    let directory = private_directory();
    let [text, module, store] = ["text", "module", "store"].map(|name| directory.path().join(name));
    fs::write(&text, "hello").unwrap();
    fs::write(&module, b"\0asm\x01\0\0\0").unwrap();
    for (app, words) in [
        (text, "it is not a WebAssembly component"),
        (module, "build it for wasm32-wasip2"),
        (host_tests::host::component_path(), "it does not export wasi:http/incoming-handler"),
        (directory.path().join("missing"), "session3: serve: "),
    ] {
        fails_on(&store, &["serve", app.to_str().unwrap(), "--listen", "127.0.0.1:0"], &[words]);
    }
}

/// Whatever the umask, other users can read nothing.
#[tokio::test]
async fn what_is_created_is_for_the_owner_alone() {
    let directory = private_directory();
    let store = directory.path().join("new/store");
    let server = Server::on_with_umask(&store, 0);
    let visitor = Visitor::with_session(&server).await;
    visitor.post(&server, "/login", &[("user", "alice")]).await;
    let paths: Vec<_> = tree(&store).into_keys().collect();
    assert!(paths.len() > 4, "{paths:?}");
    for path in paths.iter().map(|path| store.join(path)).chain([store.clone(), directory.path().join("new")]) {
        let metadata = fs::symlink_metadata(&path).unwrap();
        let expected = if metadata.is_dir() { 0o700 } else { 0o600 };
        assert_eq!(metadata.permissions().mode() & 0o777, expected, "{}", path.display());
    }
}
