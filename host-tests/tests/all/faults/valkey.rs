//! Valkey: its replies are its own, and it confirms that a disk has a write.

use host_tests::redis::{Cluster, Program};
use session_runtime::engines::redis::RedisBuilder;

use super::load::{Load, Usage};
use super::servers::{FAIL_OVER, transport};
use crate::engines::conforms;

#[test]
#[ignore = "needs Valkey: scripts/test --engines"]
fn a_cluster_of_valkey_conforms() {
    let cluster = Cluster::of(&Program::valkey());
    println!("{}", conforms(&RedisBuilder::new(&cluster.url()).unwrap().build()));
}

#[test]
#[ignore = "needs Valkey: scripts/test --engines"]
fn a_master_of_valkey_is_killed() {
    let mut cluster = Cluster::of(&Program::valkey());
    let load = Load::start(transport(&cluster.url()), Usage::default());
    cluster.node(0).kill();
    load.go_on();
    let report = load.stop("SIGKILL of a master, Valkey");
    report.holds();
    report.goes_on_within(FAIL_OVER);
}
