//! A server or a cluster as a transport.

use super::cluster::Cluster;
use super::node::{Lane, Node};
use redis::ConnectionInfo;
use session_redis::{Command, Failure, Reply, Transport};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// The connections of an engine, shared by all instances.
pub(super) struct Connection {
    servers: Servers,
    start: Instant,
}

enum Servers {
    Single(Arc<Node>),
    Cluster(Cluster),
}

impl Connection {
    pub(super) fn new(nodes: Vec<ConnectionInfo>, is_cluster: bool, response_timeout: Duration) -> Self {
        let servers = if is_cluster {
            Servers::Cluster(Cluster::new(nodes, response_timeout))
        } else {
            Servers::Single(Arc::new(Node::new(nodes[0].clone(), response_timeout)))
        };
        Self { servers, start: Instant::now() }
    }

    async fn send_to_one(&self, lane: Lane, commands: &[Command]) -> Result<Vec<Result<Reply, Failure>>, Failure> {
        match &self.servers {
            Servers::Single(node) => node.send(lane, commands).await,
            Servers::Cluster(cluster) => cluster.send(lane, commands).await,
        }
    }
}

impl Transport for Connection {
    async fn send(&self, command: Command) -> Result<Reply, Failure> {
        let replies = self.send_to_one(Lane::Plain, &[command]).await?;
        let [reply] = <[_; 1]>::try_from(replies).map_err(|_| missing())?;
        reply
    }

    async fn send_with(&self, command: Command, then: Command) -> Result<(Reply, Reply), Failure> {
        let replies = self.send_to_one(Lane::Waiting, &[command, then]).await?;
        let [first, then] = <[_; 2]>::try_from(replies).map_err(|_| missing())?;
        Ok((first?, then?))
    }

    async fn send_all(&self, commands: Vec<Command>) -> Result<Vec<Reply>, Failure> {
        match &self.servers {
            Servers::Single(node) => node.send(Lane::Plain, &commands).await?.into_iter().collect(),
            Servers::Cluster(cluster) => cluster.send_all(commands).await,
        }
    }

    async fn pause(&self, time: u64) {
        sleep(Duration::from_millis(time)).await;
    }

    fn uptime(&self) -> u64 {
        self.start.elapsed().as_millis() as u64
    }

    fn random(&self) -> u128 {
        crate::engines::store::random()
    }
}

fn missing() -> Failure {
    Failure::Lost("a reply is missing".into())
}
