//! Connections to a server or a cluster.

use futures_util::{StreamExt, TryStreamExt, stream};
use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::cluster::ClusterClient;
use redis::cluster_async::ClusterConnection;
use redis::cluster_routing::{RoutingInfo, SingleNodeRoutingInfo};
use redis::{AsyncConnectionConfig, Client, Cmd, ConnectionInfo, Pipeline, RedisError, Value};
use session_redis::{Command, Failure, Reply, Transport};
use std::time::{Duration, Instant};
use tokio::time::{sleep, timeout};

/// Commands of one request in flight at once.
const IN_FLIGHT: usize = 64;

/// The connections of an engine: made when needed, shared by all instances, and replaced after a failure.
pub(super) struct Connection {
    nodes: Vec<ConnectionInfo>,
    is_cluster: bool,
    response_timeout: Duration,
    start: Instant,
    plain: Slot,
    /// For commands that are followed by a wait, which holds up what is behind them.
    waiting: Slot,
}

type Slot = tokio::sync::Mutex<Option<Link>>;

#[derive(Clone)]
enum Link {
    Single(MultiplexedConnection),
    Cluster(ClusterConnection),
}

impl Connection {
    pub(super) fn new(nodes: Vec<ConnectionInfo>, is_cluster: bool, response_timeout: Duration) -> Self {
        let start = Instant::now();
        Self { nodes, is_cluster, response_timeout, start, plain: Slot::default(), waiting: Slot::default() }
    }

    /// The connection, made if there is none. Several callers make it once.
    async fn link(&self, slot: &Slot) -> Result<Link, Failure> {
        let mut slot = slot.lock().await;
        if let Some(link) = &*slot {
            return Ok(link.clone());
        }
        let connected = timeout(self.response_timeout, self.connect()).await;
        let connected = connected.map_err(|_| Failure::NotSent("it does not accept the connection in time".into()))?;
        let link = connected.map_err(|error| match failure(error) {
            Failure::Lost(text) => Failure::NotSent(text),
            refused => refused,
        })?;
        Ok(slot.insert(link).clone())
    }

    async fn connect(&self) -> Result<Link, RedisError> {
        if self.is_cluster {
            let client = ClusterClient::builder(self.nodes.clone())
                // The caller repeats commands, and tells the server that they are repeated.
                .retries(0)
                .connection_timeout(self.response_timeout)
                .response_timeout(self.response_timeout)
                .build()?;
            return client.get_async_connection().await.map(Link::Cluster);
        }
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.response_timeout))
            .set_response_timeout(Some(self.response_timeout));
        let client = Client::open(self.nodes[0].clone())?;
        client.get_multiplexed_async_connection_with_config(&config).await.map(Link::Single)
    }

    /// Closes the connection after a failure that a new one may not have: a broken one, one to a server that hangs, or
    /// to one that is not the master any more.
    async fn fail(&self, slot: &Slot, error: RedisError) -> Failure {
        let failure = failure(error);
        let is_stale = match &failure {
            Failure::Lost(_) | Failure::NotSent(_) => true,
            Failure::Refused(code, _) => matches!(code.as_str(), "MOVED" | "READONLY" | "CLUSTERDOWN" | "MASTERDOWN"),
        };
        if is_stale {
            *slot.lock().await = None;
        }
        failure
    }

    async fn single(&self, command: Command) -> Result<Reply, Failure> {
        let sent = match self.link(&self.plain).await? {
            Link::Single(mut link) => link.req_packed_command(&cmd(&command)).await,
            Link::Cluster(mut link) if command.key.is_none() => {
                link.route_command(cmd(&command), RoutingInfo::SingleNode(SingleNodeRoutingInfo::Random)).await
            }
            Link::Cluster(mut link) => link.req_packed_command(&cmd(&command)).await,
        };
        match sent {
            Ok(value) => reply(value),
            Err(error) => Err(self.fail(&self.plain, error).await),
        }
    }
}

impl Transport for Connection {
    async fn send(&self, command: Command) -> Result<Reply, Failure> {
        self.single(command).await
    }

    async fn send_with(&self, command: Command, then: Command) -> Result<(Reply, Reply), Failure> {
        let mut pipeline = Pipeline::new();
        pipeline.add_command(cmd(&command)).add_command(cmd(&then));
        pipeline.ignore_errors();
        let sent = match self.link(&self.waiting).await? {
            Link::Single(mut link) => link.req_packed_commands(&pipeline, 0, 2).await,
            Link::Cluster(mut link) => link.req_packed_commands(&pipeline, 0, 2).await,
        };
        let values = match sent {
            Ok(values) => values,
            Err(error) => return Err(self.fail(&self.waiting, error).await),
        };
        let mut replies = values.into_iter().map(reply);
        match (replies.next(), replies.next()) {
            (Some(first), Some(then)) => Ok((first?, then?)),
            _ => Err(Failure::Lost("a reply is missing".into())),
        }
    }

    async fn send_all(&self, commands: Vec<Command>) -> Result<Vec<Reply>, Failure> {
        if let Link::Single(mut link) = self.link(&self.plain).await? {
            if commands.is_empty() {
                return Ok(Vec::new());
            }
            let mut pipeline = Pipeline::with_capacity(commands.len());
            for command in &commands {
                pipeline.add_command(cmd(command));
            }
            pipeline.ignore_errors();
            return match link.req_packed_commands(&pipeline, 0, commands.len()).await {
                Ok(values) => values.into_iter().map(reply).collect(),
                Err(error) => Err(self.fail(&self.plain, error).await),
            };
        }
        let sent = commands.into_iter().map(|command| self.single(command));
        stream::iter(sent).buffered(IN_FLIGHT).try_collect().await
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

fn cmd(command: &Command) -> Cmd {
    let mut cmd = Cmd::with_capacity(command.arguments.len(), command.arguments.iter().map(Vec::len).sum());
    for argument in &command.arguments {
        cmd.arg(argument.as_slice());
    }
    cmd
}

fn reply(value: Value) -> Result<Reply, Failure> {
    Ok(match value {
        Value::Nil => Reply::Nil,
        Value::Int(number) => Reply::Integer(number),
        Value::BulkString(bytes) => Reply::Bytes(bytes),
        Value::SimpleString(text) => Reply::Bytes(text.into_bytes()),
        Value::VerbatimString { text, .. } => Reply::Bytes(text.into_bytes()),
        Value::Okay => Reply::Bytes(b"OK".to_vec()),
        Value::Array(items) => Reply::List(items.into_iter().map(reply).collect::<Result<_, _>>()?),
        Value::ServerError(error) => return Err(failure(error.into())),
        other => return Err(Failure::Lost(format!("an unexpected kind of reply: {}", kind(&other)))),
    })
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Map(_) => "map",
        Value::Set(_) => "set",
        Value::Double(_) => "double",
        Value::Boolean(_) => "boolean",
        _ => "other",
    }
}

fn failure(error: RedisError) -> Failure {
    match error.code() {
        Some(code) => {
            let text = match error.detail() {
                Some(detail) => format!("{code} {detail}"),
                None => code.to_owned(),
            };
            Failure::Refused(code.to_owned(), text)
        }
        None if error.kind() == redis::ErrorKind::AuthenticationFailed => {
            Failure::Refused("WRONGPASS".into(), "the user or the password is wrong, or one is missing".into())
        }
        None if error.is_connection_refusal() => Failure::NotSent(error.to_string()),
        None => Failure::Lost(error.to_string()),
    }
}
