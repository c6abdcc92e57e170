//! What a component implements.

use alloc::vec::Vec;

use session_core::error::Error;
use session_redis::url::Url;
use session_redis::{Command, Failure, Reply};

/// A connection to a single server. Its calls block.
pub trait Connection: Sized + 'static {
    /// Where the server is, as the host has told this instance.
    ///
    /// # Errors
    ///
    /// Fails if it has not, or if this component cannot connect there.
    fn url() -> Result<Url, Error>;

    /// Connects and logs in.
    ///
    /// # Errors
    ///
    /// Nothing has been sent: never [`Failure::Lost`]. A text never contains the password.
    fn open(url: &Url) -> Result<Self, Failure>;

    /// Whether the server has neither closed it nor sent what nobody asked for, as far as is known.
    fn is_open(&self) -> bool;

    /// Sends commands, and returns as many replies.
    ///
    /// # Errors
    ///
    /// The connection is of no use any more, and each command may have been executed.
    fn exchange(&mut self, commands: &[Command]) -> Result<Vec<Result<Reply, Failure>>, Failure>;
}
