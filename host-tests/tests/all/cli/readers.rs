//! Work does not depend on its output being read: standard output and error that are full, closed, or a broken pipe.

use std::fs::{self, File};
use std::io;
use std::process::{Command, Stdio};

use host_tests::command::session3;
use host_tests::guest::adversary;
use host_tests::host::component_path;
use host_tests::server::{Server, private_directory};
use host_tests::tree::session_file;
use host_tests::visitor::{Page, request};
use reqwest::{Client, Method};
use serde_json::json;
use session_conformance::wait::wait_for;

use super::{ended, objects, store_of};

/// Outputs without a reader: a full disk, a broken pipe, a closed descriptor.
const NOBODY: [&str; 3] = ["full", "gone", "closed"];

fn nobody(kind: &str) -> Stdio {
    match kind {
        "full" => File::options().write(true).open("/dev/full").unwrap().into(),
        "gone" => io::pipe().unwrap().1.into(),
        _ => unreachable!("{kind}"),
    }
}

/// A call whose standard output (1) or error (2) is not read.
fn unread(arguments: &[&str], unread: &[(u8, &str)]) -> Command {
    let mut shell = Command::new("sh");
    let closing: String =
        unread.iter().filter(|(_, kind)| *kind == "closed").map(|(stream, _)| format!(" {stream}>&-")).collect();
    shell.arg("-c").arg(format!(r#"exec "$0" "$@"{closing}"#)).arg(session3([]).get_program()).args(arguments);
    shell.env_remove("RUST_LOG").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    for &(stream, kind) in unread.iter().filter(|(_, kind)| *kind != "closed") {
        if stream == 1 {
            shell.stdout(nobody(kind))
        } else {
            shell.stderr(nobody(kind))
        };
    }
    shell
}

/// Exit code, standard output, standard error.
#[track_caller]
fn seen(arguments: &[&str], nobody: &[(u8, &str)]) -> (i32, String, String) {
    let output = unread(arguments, nobody).spawn().unwrap().wait_with_output().unwrap();
    let [out, err] = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
    assert!(!err.contains("panicked"), "{arguments:?} {nobody:?}: {err}");
    (output.status.code().expect("an exit code"), out, err)
}

#[tokio::test]
async fn sessions_are_deleted() {
    let store = store_of(2 * 15).await;
    let dir = store.path().to_str().unwrap();
    let mut unread = vec![];
    for one in NOBODY {
        unread.extend([vec![(1, one)], vec![(2, one)]]);
        unread.extend(NOBODY.map(|other| vec![(1, one), (2, other)]));
    }
    for (number, nobody) in unread.iter().enumerate() {
        let [first, last] = [2 * number, 2 * number + 1].map(|number| format!("session-{number}"));
        let (code, ..) = seen(&["rm", &first, "no-such-session", "no id", &last, "--dir", dir], nobody);
        assert_eq!(code, 1, "{nobody:?}");
        for id in [first, last] {
            assert_eq!(ended(session3(["show", &id, "--dir", dir]).stdin(Stdio::null())).0, 1, "{id} {nobody:?}");
        }
    }
    assert_eq!(objects(store.path(), &["ls"]), [json!({}); 0]);
}

/// The exit code reports the work alone.
#[tokio::test]
async fn garbage_is_collected() {
    for nobody in NOBODY {
        let store = store_of(3).await;
        let dir = store.path().to_str().unwrap();
        let (code, _, err) = seen(&["gc", "--older-than", "0", "--dir", dir], &[(1, nobody)]);
        assert_eq!(code, 0, "{nobody}: {err}");
        assert_eq!(err.contains("the report cannot be written"), nobody == "full", "{nobody}: {err}");
        assert_eq!(objects(store.path(), &["stats"])[0]["sessions"], 0, "{nobody}");
        assert_eq!(seen(&["rm", "--owner", "ann", "--dir", dir], &[(1, nobody), (2, nobody)]).0, 0, "{nobody}");
    }
}

#[test]
fn components_are_written() {
    for nobody in NOBODY {
        let directory = private_directory();
        let output = directory.path().to_str().unwrap();
        let (code, _, err) = seen(&["bundle", "--output", output], &[(1, nobody)]);
        assert_eq!((code, fs::read_dir(output).unwrap().count()), (0, 11), "{nobody}: {err}");
    }
}

/// A failed write leaves no partial file, and removes nothing.
#[test]
fn what_cannot_be_written_is_said() {
    let directory = private_directory();
    let wit = concat!("session-store-", env!("CARGO_PKG_VERSION"), ".wit");
    fs::create_dir(directory.path().join(wit)).unwrap();
    let (code, out, err) = ended(session3(["bundle", "--output"]).arg(directory.path()));
    assert_eq!((code, out.lines().count()), (1, 1), "the earlier file is reported: {out}{err}");
    assert!(err.contains(&format!("cannot write {}", directory.path().join(wit).display())), "{err}");
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 2, "the earlier file, and the directory");

    let app = component_path().with_file_name("web_demo.wasm");
    let (code, _, err) = ended(&mut session3(["compose", app.to_str().unwrap(), "--output", "/dev/full"]));
    assert!(code == 1 && err.contains("cannot write /dev/full"), "{code}: {err}");
}

#[tokio::test]
async fn a_listing_without_a_reader() {
    let store = store_of(5).await;
    let dir = store.path().to_str().unwrap();
    let listings: [&[&str]; 8] = [
        &["ls", "--dir", dir],
        &["ls", "--json", "--dir", dir],
        &["ls", "--owner", "ann", "--dir", dir],
        &["show", "session-1", "--dir", dir],
        &["stats", "--dir", dir],
        &["--help"],
        &["--version"],
        &["ls", "--help"],
    ];
    for arguments in listings {
        for gone in ["gone", "closed"] {
            assert_eq!(seen(arguments, &[(1, gone)]), (0, String::new(), String::new()), "{arguments:?} {gone}");
        }
        let empty = arguments.contains(&"--owner");
        let (code, _, err) = seen(arguments, &[(1, "full")]);
        assert_eq!(code, i32::from(!empty), "{arguments:?}: {err}");
        assert_eq!(err.contains("cannot write to standard output"), !empty, "{arguments:?}: {err}");
    }
    for nobody in NOBODY {
        assert_eq!(seen(&["ls", "--dir", "/no/such/directory"], &[(2, nobody)]).0, 1, "{nobody}");
        assert_eq!(seen(&["ls", "--no-such-option"], &[(2, nobody)]).0, 2, "{nobody}");
    }
}

/// The others are listed, and the exit code reports the omission.
#[tokio::test]
async fn sessions_that_cannot_be_read_are_named() {
    let store = store_of(4).await;
    let dir = store.path().to_str().unwrap();
    fs::write(session_file(store.path(), "session-1"), "something else").unwrap();
    let planted = session_file(store.path(), "session-2");
    fs::remove_file(&planted).unwrap();
    fs::create_dir(&planted).unwrap();

    let (code, out, err) = seen(&["ls", "--dir", dir], &[]);
    assert_eq!((code, out.lines().count()), (3, 3), "a header and two rows: {out}");
    for id in ["session-1", "session-2"] {
        assert!(err.contains(&format!("session3: ls: {id} cannot be read")), "{err}");
        let (code, out, err) = seen(&["show", id, "--dir", dir], &[]);
        assert_eq!((code, &out[..]), (1, ""), "{err}");
        assert!(err.contains("session is corrupt"), "{err}");
    }
    for nobody in NOBODY {
        let (code, out, _) = seen(&["ls", "--dir", dir], &[(2, nobody)]);
        assert_eq!((code, out.lines().count()), (3, 3), "{nobody}: {out}");
    }
    let (code, out, _) = seen(&["ls", "--json", "--dir", dir], &[]);
    assert_eq!((code, out.lines().count()), (3, 4), "{out}");
    assert!(out.contains(r#"{"id":"session-1","unreadable":true}"#), "{out}");
    let (code, out, err) = seen(&["stats", "--dir", dir], &[]);
    assert_eq!((code, out.contains("unreadable:   2\n")), (3, true), "{out}");
    assert!(err.contains("2 sessions cannot be read"), "{err}");
    assert_eq!(seen(&["gc", "--dir", dir], &[]).0, 0, "a collection lists nothing");
}

/// Neither the server nor a component that prints needs a reader.
#[tokio::test]
async fn a_server_whose_log_nobody_reads() {
    for kind in ["full", "gone"] {
        let mut server = Server::of_logging_to(nobody(kind), adversary());
        for (path, status) in [("/fine", 200), ("/print", 200), ("/no such page", 500), ("/fine", 200)] {
            assert_eq!(Page::of(request(&server, Method::GET, path)).await.status, status, "{kind}: {path}");
        }
        server.signal(nix::sys::signal::Signal::SIGTERM);
        assert!(server.ended().success(), "{kind}");
    }
}

#[tokio::test]
async fn a_server_whose_address_nobody_reads() {
    let (store, files) = (private_directory(), private_directory());
    let log = files.path().join("log");
    let mut server = session3(["demo", "--listen", "127.0.0.1:0", "--dir"])
        .arg(store.path())
        .stdout(nobody("full"))
        .stderr(File::create(&log).unwrap())
        .spawn()
        .unwrap();
    let address = wait_for("the server listens", || {
        let text = fs::read_to_string(&log).unwrap();
        let (_, rest) = text.split_once("cannot write to standard output: listening on ")?;
        Some(rest.split_once("/: ")?.0.to_owned())
    });
    let answer = Client::builder().no_proxy().build().unwrap().get(format!("{address}/")).send().await;
    server.kill().unwrap();
    server.wait().unwrap();
    assert!(answer.unwrap().status().is_success());
}
