//! Valkey: its replies are its own.

use host_tests::redis::{Cluster, Program};
use session_runtime::engines::redis::RedisBuilder;

use crate::engines::conforms;

#[test]
#[ignore = "needs Valkey: scripts/test --engines"]
fn a_cluster_of_valkey_conforms() {
    let cluster = Cluster::of(&Program::valkey());
    println!("{}", conforms(&RedisBuilder::new(&cluster.url()).unwrap().build()));
}
