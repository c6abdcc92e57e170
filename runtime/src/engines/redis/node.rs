//! One server: its connections.

use super::group::{Driver, Queue, Sent};
use super::reply::{failure, pipeline, reply};
use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::{AsyncConnectionConfig, Client, ConnectionInfo};
use session_redis::{Command, Failure};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::{Mutex, watch};
use tokio::task::AbortHandle;
use tokio::time::timeout;
use tokio::{select, spawn};

/// A connection is made in this part of the time that a reply may take: while a server hangs, another one may take over, and
/// each attempt is followed by a look at the map of the cluster.
const CONNECTS_PER_RESPONSE: u32 = 4;

/// A server. Its two connections are made when they are needed, shared by all callers, and closed when they fail.
pub(super) struct Node {
    server: ConnectionInfo,
    response_timeout: Duration,
    plain: Link,
    waiting: Link,
    /// What waits for the second connection.
    queue: Arc<Queue>,
    /// The last exchange with it failed.
    is_suspect: AtomicBool,
}

/// Which of the connections to use.
#[derive(Clone, Copy)]
pub(super) enum Lane {
    Plain,
    /// For commands the last of which waits until the others are confirmed, and holds up what is behind it.
    Waiting,
}

/// A connection as its callers have it.
struct Open {
    connection: MultiplexedConnection,
    number: u64,
    /// Fails when the connection is to be closed.
    until: watch::Receiver<()>,
}

#[derive(Default)]
struct Link {
    state: Mutex<State>,
    /// Attempts to connect that have ended.
    attempts: AtomicU64,
}

#[derive(Default)]
struct State {
    connection: Option<Kept>,
    /// The number of this connection, so that nobody closes its successor.
    number: u64,
    /// Why the last attempt to connect failed.
    refusal: Option<Failure>,
}

/// A connection that works, as far as is known.
struct Kept {
    connection: MultiplexedConnection,
    until: watch::Receiver<()>,
    /// Has the sender of `until`. A task of the runtime that drives the connection, so that it ends with it: others may use
    /// this engine after that runtime.
    keeper: AbortHandle,
}

impl Node {
    pub(super) fn new(server: ConnectionInfo, response_timeout: Duration) -> Self {
        let (plain, waiting, queue) = (Link::default(), Link::default(), Arc::default());
        Self { server, response_timeout, plain, waiting, queue, is_suspect: AtomicBool::new(false) }
    }

    pub(super) fn server(&self) -> &ConnectionInfo {
        &self.server
    }

    pub(super) fn is_suspect(&self) -> bool {
        self.is_suspect.load(Ordering::Relaxed)
    }

    /// Sends commands in one round trip. After a failure of the connection, it is closed: the server may hang, or not be
    /// the one that it was.
    pub(super) async fn send(self: &Arc<Self>, lane: Lane, commands: &[Command]) -> Sent {
        match (lane, commands) {
            (_, []) => Ok(Vec::new()),
            (Lane::Plain, commands) => self.exchange(&self.plain, commands).await,
            (Lane::Waiting, [commands @ .., then]) => {
                let (answer, driver) = self.queue.add(commands.to_vec(), then.clone());
                if let Some(driver) = driver {
                    // A task: a caller may give up, and the others of its group still wait.
                    spawn(self.clone().drive(driver));
                }
                answer.await.unwrap_or_else(|_| Err(Failure::Lost("its runtime has ended".into())))
            }
        }
    }

    async fn drive(self: Arc<Self>, mut driver: Driver) {
        while let Some(mut group) = driver.next() {
            let sent = self.exchange(&self.waiting, &group.commands()).await;
            group.answer(sent);
        }
    }

    async fn exchange(&self, link: &Link, commands: &[Command]) -> Sent {
        let sent = self.try_exchange(link, commands).await;
        self.is_suspect.store(sent.is_err(), Ordering::Relaxed);
        sent
    }

    async fn try_exchange(&self, link: &Link, commands: &[Command]) -> Sent {
        let Open { mut connection, number, mut until } = self.connection(link).await?;
        let pipeline = pipeline(commands);
        let sent = select! {
            biased;
            sent = connection.req_packed_commands(&pipeline, 0, commands.len()) => sent,
            _ = until.changed() => return Err(Failure::Lost("the connection was closed".into())),
        };
        match sent {
            Ok(values) if values.len() == commands.len() => Ok(values.into_iter().map(reply).collect()),
            Ok(_) => Err(Failure::Lost("a reply is missing".into())),
            Err(error) => {
                let failure = failure(error);
                if matches!(failure, Failure::Lost(_) | Failure::NotSent(_)) {
                    link.close(number).await;
                }
                Err(failure)
            }
        }
    }

    /// The connection. Callers that come while one connects share its success or failure, so that a server
    /// that hangs costs them one timeout.
    async fn connection(&self, link: &Link) -> Result<Open, Failure> {
        let attempts = link.attempts.load(Ordering::SeqCst);
        let mut state = link.state.lock().await;
        if let Some(open) = state.open() {
            return Ok(open);
        }
        if let Some(refusal) = &state.refusal
            && link.attempts.load(Ordering::SeqCst) != attempts
        {
            return Err(refusal.clone());
        }
        let connected = self.connect().await;
        link.attempts.fetch_add(1, Ordering::SeqCst);
        match connected {
            Ok(connection) => {
                state.number += 1;
                let (sender, until) = watch::channel(());
                let keeper = spawn(async move { sender.closed().await }).abort_handle();
                state.connection = Some(Kept { connection: connection.clone(), until: until.clone(), keeper });
                Ok(Open { connection, number: state.number, until })
            }
            Err(failure) => {
                state.refusal = Some(failure.clone());
                Err(failure)
            }
        }
    }

    async fn connect(&self) -> Result<MultiplexedConnection, Failure> {
        let connection_timeout = self.response_timeout / CONNECTS_PER_RESPONSE;
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(connection_timeout))
            .set_response_timeout(Some(self.response_timeout));
        let connecting = async {
            let client = Client::open(self.server.clone())?;
            let mut connection = client.get_multiplexed_async_connection_with_config(&config).await?;
            // The kernel accepts connections for a server that hangs.
            connection.req_packed_command(&redis::cmd("PING")).await?.extract_error()?;
            Ok(connection)
        };
        let connected = timeout(connection_timeout, connecting).await;
        let connected = connected.map_err(|_| Failure::NotSent("it does not accept the connection in time".into()))?;
        connected.map_err(|error| match failure(error) {
            Failure::Lost(text) => Failure::NotSent(text),
            refused => refused,
        })
    }
}

impl State {
    fn open(&self) -> Option<Open> {
        let Kept { connection, until, .. } = self.connection.as_ref()?;
        let is_open = until.has_changed().is_ok();
        is_open.then(|| Open { connection: connection.clone(), number: self.number, until: until.clone() })
    }
}

impl Link {
    /// Closes the connection, also for those who wait for replies on it: what they have sent must not be executed after it
    /// has been sent again on another one.
    async fn close(&self, number: u64) {
        let mut state = self.state.lock().await;
        if state.number == number
            && let Some(kept) = state.connection.take()
        {
            kept.keeper.abort();
        }
    }
}
