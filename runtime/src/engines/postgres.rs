//! Sessions on PostgreSQL, version 15 or newer.
//!
//! `session_postgres` has the tables, the statements and the guarantees.
//!
//! | URL | |
//! |---|---|
//! | `postgres://[USER[:PASSWORD]@]HOST[:PORT]/DATABASE` | one server |
//! | `postgres://[...@]HOST[:PORT],HOST[:PORT]/DATABASE` | the one of these that is not a standby |
//!
//! `?schema=NAME` changes the schema of the tables, `session3`. With `?sslmode=verify-full` connections use TLS. Reserved
//! characters in user and password are percent-encoded.

use super::dynamic::SharedEngine;
pub use session_postgres::InvalidUrl;
use session_postgres::{Options, Postgres};
use std::fmt;
use std::time::Duration;

/// Where the server is, and how to use it.
#[derive(Clone)]
pub struct PostgresBuilder(Options);

impl PostgresBuilder {
    /// The server at this URL. By default the tables are in the schema `session3`, a request that fails for a passing
    /// reason is repeated for 5 seconds, and a reply takes at most 2.
    ///
    /// # Errors
    ///
    /// Fails if the URL is none of those above. The message does not contain its password.
    pub fn new(url: &str) -> Result<Self, InvalidUrl> {
        Options::parse(url).map(Self)
    }

    /// The password, instead of the URL's.
    pub fn password(self, password: &str) -> Self {
        Self(self.0.password(password))
    }

    /// How long a request is repeated while the server cannot be reached, or a standby takes over.
    pub fn patience(self, patience: Duration) -> Self {
        Self(self.0.patience(patience))
    }

    /// How long a reply may take; then the connection is closed.
    pub fn response_timeout(self, response_timeout: Duration) -> Self {
        Self(self.0.response_timeout(response_timeout))
    }

    /// The engine. It connects when it is first used.
    pub fn build(self) -> SharedEngine {
        SharedEngine::new(Postgres::new(&self.0))
    }
}

/// The URL without user, password and options.
impl fmt::Display for PostgresBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Without the password.
impl fmt::Debug for PostgresBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PostgresBuilder({self})")
    }
}
