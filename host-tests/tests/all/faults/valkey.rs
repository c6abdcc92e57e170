//! Valkey: its replies and its fail-over are its own.

use host_tests::redis::{Cluster, Program};
use session_runtime::engines::redis::RedisBuilder;

use super::servers::kill_a_master;
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
    kill_a_master(&Program::valkey(), "SIGKILL of a master, Valkey");
}
