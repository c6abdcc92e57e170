//! Controls: without what protects sessions, the same faults must be seen to harm them.

use host_tests::redis::{Cluster, Redis};
use session_redis::{Command, Failure, Reply, Transport};

use super::load::{Load, Usage};
use super::servers::{promote_a_lagging_replica, transport};

/// A transport with a defect.
struct Defective<T> {
    inner: T,
    defect: Defect,
}

#[derive(Clone, Copy, PartialEq)]
enum Defect {
    /// Scripts do not know a request that is repeated: this text of theirs is removed.
    Without(&'static str),
    /// Nothing waits for a replica, and all seems confirmed.
    NoWait,
}

impl<T> Defective<T> {
    /// The command with its defect. The server is not to know the whole script.
    fn alter(&self, mut command: Command) -> Result<Command, Failure> {
        let Defect::Without(text) = self.defect else { return Ok(command) };
        match &command.arguments[0][..] {
            b"EVALSHA" => return Err(Failure::Refused("NOSCRIPT".into(), "NOSCRIPT the test changes it".into())),
            b"EVAL" => {
                let source = String::from_utf8_lossy(&command.arguments[1]).replace(text, "");
                command.arguments[1] = source.into_bytes();
            }
            _ => {}
        }
        Ok(command)
    }
}

impl<T: Transport> Transport for Defective<T> {
    async fn send(&self, command: Command) -> Result<Reply, Failure> {
        self.inner.send(self.alter(command)?).await
    }

    async fn send_with(&self, command: Command, then: Command) -> Result<(Reply, Reply), Failure> {
        let command = self.alter(command)?;
        if self.defect == Defect::NoWait {
            return Ok((self.inner.send(command).await?, Reply::Integer(1)));
        }
        self.inner.send_with(command, then).await
    }

    async fn send_all(&self, commands: Vec<Command>) -> Result<Vec<Reply>, Failure> {
        self.inner.send_all(commands).await
    }

    async fn pause(&self, time: u64) {
        self.inner.pause(time).await;
    }

    fn uptime(&self) -> u64 {
        self.inner.uptime()
    }

    fn random(&self) -> u128 {
        self.inner.random()
    }
}

/// A save that is repeated does not know that it has been done, and is refused; so its client does it once more.
#[test]
#[ignore = "takes long: scripts/test --engines"]
fn without_write_ids_tokens_are_there_twice() {
    let text = "if h and h.write == ARGV[5] then return {'ok', h.version} end";
    assert!(session_redis::script::SAVE.source.contains(text));
    let redis = Redis::new();
    let defective = Defective { inner: transport(&redis.url()), defect: Defect::Without(text) };
    let load = Load::start(defective, Usage::default());
    for _ in 0..60 {
        redis.cli(&["client", "kill", "type", "normal"]);
        load.answer(50);
    }
    load.go_on();
    let report = load.stop("control: connections cut, no write ids");
    assert!(report.twice > 0 && !report.unexplained.is_empty(), "{report}");
}

/// How much the replica lacks depends on what the kernel still delivers to it: what it holds may be all on a slow machine.
#[test]
#[ignore = "takes long: scripts/test --engines"]
fn without_waiting_for_replicas_tokens_are_lost() {
    let is_seen = |_| {
        let mut cluster = Cluster::new();
        let defective = Defective { inner: transport(&cluster.url()), defect: Defect::NoWait };
        let load = Load::start(defective, Usage { size: 60_000, ..Usage::default() });
        promote_a_lagging_replica(&mut cluster);
        load.go_on();
        let report = load.stop("control: lagging replica, no WAIT");
        report.lost > 0 && !report.unexplained.is_empty()
    };
    assert!((0..5).any(is_seen), "nothing was lost in five runs");
}
