//! What a component implements.

use alloc::string::String;
use alloc::vec::Vec;

use session_core::error::Error;
use session_redis::url::Url;
use session_redis::{Command, Failure, Reply};

use crate::server::Instance;

/// A connection to a single server. Its calls block.
pub trait Connection: Sized + 'static {
    /// The variable with the URL of the server.
    const STORE: &str;

    /// The variable with its password, instead of the URL's.
    const PASSWORD: &str;

    /// A variable that the host gives this instance, if it does.
    ///
    /// # Errors
    ///
    /// Fails if the host cannot tell.
    fn variable(name: &str) -> Result<Option<String>, Error>;

    /// The `static` of the component.
    fn instance() -> &'static Instance<Self>;

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
