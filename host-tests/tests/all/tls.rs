//! TLS between `session3` and the server of its sessions.

use std::path::Path;
use std::process::Output;

use host_tests::certificates::Certificates;
use host_tests::command::session3;
use host_tests::host::Host;
use host_tests::postgres::{PASSWORD, Postgres};
use host_tests::redis::Redis;
use host_tests::server::private_directory;
use session_conformance::client::data;
use session_conformance::harness::Harness;

/// Copies a session to a server that is trusted if the authority signed its certificate for the name in the URL.
#[tokio::test]
async fn a_server_is_trusted_by_its_certificate() {
    let directory = private_directory();
    Host::on(directory.path()).store().await.create(Some("session-1"), &data("x")).await.unwrap();
    let from = format!("file:{}", directory.path().display());
    let (certificates, others) = (Certificates::new(), Certificates::new());
    let (_redis, redis) = Redis::with_tls(&certificates);
    let (_postgres, postgres) = Postgres::with_tls(&certificates);
    for to in [redis, postgres] {
        let output = copy(&from, &to, &certificates.authority());
        assert!(output.status.success(), "{to}: {output:?}");
        let other_name = to.replace("localhost", "127.0.0.1");
        for (to, authority) in [(&to, others.authority()), (&other_name, certificates.authority())] {
            let output = copy(&from, to, &authority);
            let said = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(1), "{to}: {said}");
            assert!(said.contains("certificate") && !said.contains(PASSWORD), "{to}: {said}");
        }
    }
}

fn copy(from: &str, to: &str, authority: &Path) -> Output {
    let mut command = session3(["copy", "--from", from, "--to", to, "--verify", "--store-timeout", "1"]);
    command.env_remove("SESSION3_STORE_PASSWORD").env("SSL_CERT_FILE", authority).output().unwrap()
}
