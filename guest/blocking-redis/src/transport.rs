//! The connection as a transport.

use alloc::vec::Vec;
use core::cell::RefCell;

use engine_store::wait::{sleep, uptime};
use guest_exports::host::random_16;
use session_core::store::Milliseconds;
use session_redis::url::Url;
use session_redis::{Command, Failure, Reply, Transport};

use crate::connection::Connection;

/// The connection of an instance, made when it is needed and again after a failure. Sending blocks.
pub struct Blocking<C> {
    url: Url,
    connection: RefCell<Option<C>>,
}

#[expect(unsafe_code, reason = "a `Transport` must be `Send` and `Sync`, for hosts with threads")]
// SAFETY: an instance has one thread.
unsafe impl<C> Send for Blocking<C> {}

#[expect(unsafe_code, reason = "a `Transport` must be `Send` and `Sync`, for hosts with threads")]
// SAFETY: an instance has one thread.
unsafe impl<C> Sync for Blocking<C> {}

impl<C: Connection> Blocking<C> {
    /// A connection to this server.
    pub(crate) fn new(url: Url) -> Self {
        Self { url, connection: RefCell::new(None) }
    }

    /// Sends commands, and returns as many replies. A connection that has failed is closed: replies to come would be
    /// taken for those of later commands.
    fn exchange(&self, commands: &[Command]) -> Result<Vec<Result<Reply, Failure>>, Failure> {
        let mut slot = self.connection.borrow_mut();
        let mut connection = match slot.take() {
            Some(connection) if connection.is_open() => connection,
            _ => C::open(&self.url)?,
        };
        let replies = connection.exchange(commands)?;
        if !replies.iter().any(is_of_a_replica) {
            *slot = Some(connection);
        }
        Ok(replies)
    }
}

/// The address may lead to another server by now, the master.
fn is_of_a_replica(reply: &Result<Reply, Failure>) -> bool {
    matches!(reply, Err(Failure::Refused(code, _)) if matches!(&code[..], "READONLY" | "MASTERDOWN"))
}

fn replies<const N: usize>(replies: Vec<Result<Reply, Failure>>) -> Result<[Result<Reply, Failure>; N], Failure> {
    replies.try_into().map_err(|_| Failure::Lost("a reply is missing".into()))
}

impl<C: Connection> Transport for Blocking<C> {
    async fn send(&self, command: Command) -> Result<Reply, Failure> {
        let [reply] = replies(self.exchange(&[command])?)?;
        reply
    }

    async fn send_with(&self, command: Command, then: Command) -> Result<(Reply, Reply), Failure> {
        let [reply, confirmation] = replies(self.exchange(&[command, then])?)?;
        Ok((reply?, confirmation?))
    }

    async fn send_all(&self, commands: Vec<Command>) -> Result<Vec<Reply>, Failure> {
        self.exchange(&commands)?.into_iter().collect()
    }

    async fn pause(&self, time: Milliseconds) {
        sleep(time);
    }

    fn uptime(&self) -> Milliseconds {
        uptime()
    }

    fn random(&self) -> u128 {
        u128::from_le_bytes(random_16())
    }
}
