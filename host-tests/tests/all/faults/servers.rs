//! Each fault of a server or of its connections.

use std::time::Duration;

use host_tests::redis::{Cluster, Redis};
use session_redis::Transport;
use session_runtime::engines::redis::RedisBuilder;

use super::load::{Load, Usage};

/// How long a master may be silent before its replica takes over, and how long that and the clients may take then. The
/// machine may be busy.
const FAIL_OVER: Duration = Duration::from_secs(12);

pub fn transport(url: &str) -> impl Transport + use<> {
    RedisBuilder::new(url).unwrap().transport()
}

fn load(url: &str) -> Load<impl Transport + use<>> {
    Load::start(transport(url), Usage::default())
}

#[test]
fn no_fault() {
    let redis = Redis::new();
    let load = load(&redis.url());
    load.go_on();
    load.stop("none").holds();
}

/// The two connections of the host are closed, whatever is on its way on them.
#[test]
fn connections_are_cut() {
    let redis = Redis::new();
    let load = load(&redis.url());
    for _ in 0..60 {
        redis.cli(&["client", "kill", "type", "normal"]);
        load.answer(50);
    }
    load.go_on();
    load.stop("connections cut 60 times").holds();
}

#[test]
#[ignore = "takes long: scripts/test --engines"]
fn scripts_are_forgotten() {
    let redis = Redis::new();
    let load = load(&redis.url());
    for _ in 0..60 {
        redis.cli(&["script", "flush"]);
        load.answer(50);
    }
    load.go_on();
    load.stop("scripts flushed 60 times").holds();
}

#[test]
#[ignore = "takes long: scripts/test --engines"]
fn a_server_is_killed_and_restarted() {
    let mut redis = Redis::new();
    let load = load(&redis.url());
    for _ in 0..3 {
        redis.kill();
        redis.restart();
        load.go_on();
    }
    load.stop("SIGKILL and restart, three times").holds();
}

#[test]
#[ignore = "takes long: scripts/test --engines"]
fn nothing_fails_in_a_cluster() {
    let cluster = Cluster::new();
    let load = load(&cluster.url());
    load.go_on();
    load.stop("none, cluster").holds();
}

#[test]
#[ignore = "takes long: scripts/test --engines"]
fn a_master_is_killed() {
    let mut cluster = Cluster::new();
    let load = load(&cluster.url());
    cluster.node(0).kill();
    load.go_on();
    let report = load.stop("SIGKILL of a master");
    report.holds();
    report.goes_on_within(FAIL_OVER);
}

/// A master that hangs stays one until the cluster replaces it, and believes to be one for a moment when it wakes up.
#[test]
#[ignore = "takes long: scripts/test --engines"]
fn a_master_hangs() {
    let cluster = Cluster::new();
    let load = load(&cluster.url());
    cluster.nodes()[0].suspend_for(Duration::from_secs(6));
    cluster.nodes()[0].resume();
    load.go_on();
    let report = load.stop("SIGSTOP of a master for 6 s");
    report.holds();
    report.goes_on_within(FAIL_OVER);
}

#[test]
#[ignore = "takes long: scripts/test --engines"]
fn slots_move() {
    let cluster = Cluster::new();
    let load = load(&cluster.url());
    let [from, to] = [0, 1].map(|number| &cluster.nodes()[number]);
    let moved = cluster.move_slots(from, to);
    assert!(moved >= 10, "{moved}");
    load.go_on();
    load.stop(&format!("{moved} slots moved")).holds();
}

#[test]
#[ignore = "takes long: scripts/test --engines"]
fn a_replica_that_lags_takes_over() {
    let mut cluster = Cluster::new();
    let load = Load::start(transport(&cluster.url()), Usage { size: 60_000, ..Usage::default() });
    promote_a_lagging_replica(&mut cluster);
    load.go_on();
    load.stop("lagging replica takes over").holds();
}

/// The replica of a master stops for less than the time after which others would notice, and the master dies.
pub fn promote_a_lagging_replica(cluster: &mut Cluster) {
    let replica = cluster.replica_of(&cluster.nodes()[0]);
    cluster.nodes()[replica].suspend_for(Duration::from_millis(1200));
    cluster.node(0).kill();
    cluster.nodes()[replica].resume();
}
