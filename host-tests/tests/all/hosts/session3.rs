//! The command `session3`, and its library in a host of the tests.

use host_tests::compatibility::Host as Tried;
use host_tests::host::Host;
use host_tests::server::Server;

use super::increments::{self, KEPT};

#[test]
#[ignore = "is one of the hosts: scripts/test --hosts"]
fn our_own_host_runs() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(increments::by_servers(Server::on));
    let report = session_conformance::run(Host::new).unwrap();
    println!("{report}");
    let (store, manager) = report.kept();
    Tried {
        host: "`session3 serve`, and Wasmtime with the library in `runtime`",
        version: "Wasmtime 48.0.8",
        store: &format!("{store} promises"),
        manager: &format!("{manager} promises"),
        locks: "processes",
        processes: KEPT,
    }
    .record("session3");
}
