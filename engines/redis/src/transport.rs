//! What a connection to the server does.

use alloc::string::String;
use alloc::vec::Vec;

use session_core::store::Milliseconds;

/// Sends commands to a server or a cluster, to the masters only: a replica may lag.
pub trait Transport: Send + Sync + 'static {
    /// Sends a command to the master of its keys, and returns the reply.
    fn send(&self, command: Command) -> impl Future<Output = Result<Reply, Failure>> + Send;

    /// Sends a command and then another to the same server, in one round trip, and returns both replies. The second may
    /// take a second: it must not hold up the commands of others.
    fn send_with(
        &self,
        command: Command,
        then: Command,
    ) -> impl Future<Output = Result<(Reply, Reply), Failure>> + Send;

    /// Sends commands, which may be in flight at once, and returns their replies in the same order.
    fn send_all(&self, commands: Vec<Command>) -> impl Future<Output = Result<Vec<Reply>, Failure>> + Send;

    /// Waits.
    fn pause(&self, time: Milliseconds) -> impl Future<Output = ()> + Send;

    /// A clock that never goes back, for timeouts.
    fn uptime(&self) -> Milliseconds;

    /// Random bits from a cryptographic generator: tokens of locks must not be guessed.
    fn random(&self) -> u128;
}

/// A command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// The name and the arguments.
    pub arguments: Vec<Vec<u8>>,
    /// Its first key, by which a cluster finds the master; none if any server can answer.
    pub key: Option<String>,
}

/// A reply of the server, RESP2.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// No value.
    Nil,
    /// A number.
    Integer(i64),
    /// A simple or bulk string.
    Bytes(Vec<u8>),
    /// A list.
    List(Vec<Reply>),
}

/// Why there is no reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The server refused the command: the code, such as `NOAUTH`, and the whole message. Nothing was executed.
    Refused(String, String),
    /// The command was not sent: no connection, or no time left.
    NotSent(String),
    /// The command was not sent, and never will be: the host does not allow the connection.
    Forbidden(String),
    /// The connection broke or timed out: the command may have been executed.
    Lost(String),
}

impl Command {
    /// A command without a key.
    pub fn new<A: Into<Vec<u8>>>(arguments: impl IntoIterator<Item = A>) -> Self {
        let arguments = arguments.into_iter().map(Into::into).collect();
        Self { arguments, key: None }
    }

    /// A command on a key, which is its first argument: `HMGET key field...`.
    pub fn on<'a>(name: &str, key: &str, arguments: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut all: Vec<Vec<u8>> = alloc::vec![name.into(), key.into()];
        all.extend(arguments.into_iter().map(Vec::from));
        Self { arguments: all, key: Some(key.into()) }
    }
}

impl Reply {
    /// The bytes of a string.
    pub fn bytes(self) -> Option<Vec<u8>> {
        if let Self::Bytes(bytes) = self { Some(bytes) } else { None }
    }

    /// The number.
    pub fn integer(&self) -> Option<i64> {
        if let Self::Integer(number) = self { Some(*number) } else { None }
    }

    /// The items of a list.
    pub fn list(self) -> Option<Vec<Self>> {
        if let Self::List(items) = self { Some(items) } else { None }
    }
}
