//! What a request costs, counted in system calls: unlike times, they are the same on every machine.

use std::collections::BTreeMap;
use std::process::Command;

use host_tests::server::Server;
use host_tests::visitor::Visitor;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use session_conformance::wait::wait_for;
use tempfile::NamedTempFile;

const REQUESTS: usize = 100;

/// Traces a server during some requests for a page. Returns how many calls each takes.
async fn calls(server: &Server, visitor: &Visitor, page: &str) -> BTreeMap<String, f64> {
    let trace = NamedTempFile::new().unwrap();
    let mut strace = Command::new("strace");
    strace.args(["--follow-forks", "--quiet=all", "--output"]).arg(trace.path()).arg("--attach");
    let mut strace = strace.arg(server.pid().to_string()).spawn().expect("this test needs `strace`");
    let lines = || std::fs::read_to_string(trace.path()).unwrap();
    // Its ticker is seen at once.
    wait_for("strace is attached", || lines().contains('(').then_some(()));
    let before = lines().lines().count();
    for _ in 0..REQUESTS {
        assert_eq!(visitor.get(server, page).await.status, 200);
    }
    kill(Pid::from_raw(strace.id().try_into().unwrap()), Signal::SIGINT).unwrap();
    strace.wait().unwrap();
    let mut calls = BTreeMap::new();
    for line in lines().lines().skip(before) {
        // `PID name(arguments...`; the rest of an interrupted one begins with `<...`.
        let call = line.split_whitespace().nth(1).and_then(|call| call.split_once('('));
        if let Some((name, _)) = call {
            *calls.entry(name.to_owned()).or_insert(0.0) += 1.0 / REQUESTS as f64;
        }
    }
    calls
}

/// A page with a session that is read. Instances get memory that is reset without system calls that interrupt all
/// cores (`madvise`, `mprotect`).
#[tokio::test]
async fn a_request_makes_few_system_calls() {
    let server = Server::new();
    let visitor = Visitor::with_session(&server).await;
    for _ in 0..10 {
        visitor.get(&server, "/").await;
    }
    let calls = calls(&server, &visitor, "/").await;
    println!("system calls of a request: {calls:.2?}");
    let of = |name: &str| calls.get(name).copied().unwrap_or(0.0);
    // Some are of the server's threads that happen to be busy as well, so that a tenth of a call is none.
    let limits = [
        ("openat", 1.0),
        ("openat2", 3.0),
        ("statx", 8.0),
        ("pread64", 3.0),
        ("pwrite64", 0.0),
        // Usually one: another thread may begin to send while the instance ends.
        ("writev", 2.0),
        ("madvise", 0.0),
        ("mprotect", 0.0),
        ("munmap", 0.0),
    ];
    for (name, limit) in limits {
        assert!(of(name) <= limit + 0.1, "{name}: {} for each request, of {limit}: {calls:.2?}", of(name));
    }
    assert!(of("openat2") > 0.9 && of("writev") > 0.9, "the trace is complete: {calls:.2?}");
}
