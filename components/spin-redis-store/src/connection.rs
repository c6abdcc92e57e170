//! Spin's connection to the server that the component's variables name.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use blocking_redis::Instance;
use session_core::error::Error;
use session_redis::url::Url;
use session_redis::{Command, Failure, Reply};

use crate::bindings::fermyon::spin::redis::{self, RedisParameter};
use crate::bindings::fermyon::spin::variables;
use crate::reply;

/// A connection. Spin has logged it in.
pub struct Connection(redis::Connection);

impl blocking_redis::Connection for Connection {
    const STORE: &str = "session3_store";
    const PASSWORD: &str = "session3_store_password";

    /// A manifest can only give a variable by default if it has a value: an empty one is none. A provider of secrets that
    /// fails is an error: without the password the server would refuse.
    fn variable(name: &str) -> Result<Option<String>, Error> {
        match variables::get(name) {
            Ok(value) => Ok(Some(value).filter(|value| !value.is_empty())),
            Err(variables::Error::Undefined(_) | variables::Error::InvalidName(_)) => Ok(None),
            Err(variables::Error::Provider(text) | variables::Error::Other(text)) => {
                Err(Error::Unavailable(format!("Spin cannot give the variable {name}: {text}")))
            }
        }
    }

    fn instance() -> &'static Instance<Self> {
        static INSTANCE: Instance<Connection> = Instance::new();
        &INSTANCE
    }

    fn open(url: &Url) -> Result<Self, Failure> {
        redis::Connection::open(&url.address()).map(Self).map_err(|error| not_opened(error, url))
    }

    /// Spin does not tell.
    fn is_open(&self) -> bool {
        true
    }

    /// One after the other: Spin pipelines no commands.
    fn exchange(&mut self, commands: &[Command]) -> Result<Vec<Result<Reply, Failure>>, Failure> {
        commands.iter().map(|command| self.execute(command)).collect()
    }
}

impl Connection {
    fn execute(&self, command: &Command) -> Result<Result<Reply, Failure>, Failure> {
        let (name, arguments) = command.arguments.split_first().expect("a command has a name");
        let name = String::from_utf8_lossy(name);
        let arguments: Vec<_> = arguments.iter().cloned().map(RedisParameter::Binary).collect();
        match self.0.execute(&name, &arguments) {
            Ok(items) => Ok(Ok(reply::of(&name, items))),
            Err(redis::Error::Other(text)) => {
                reply::refusal(&text).map_or(Err(Failure::Lost(text)), |refusal| Ok(Err(refusal)))
            }
            Err(error) => Err(Failure::Lost(error.to_string())),
        }
    }
}

fn not_opened(error: redis::Error, url: &Url) -> Failure {
    match error {
        redis::Error::InvalidAddress => Failure::Forbidden(
            "Spin does not allow its address; add it to allowed_outbound_hosts, and let the dependency inherit them"
                .into(),
        ),
        // A server that does not know `AUTH` repeats its arguments in the refusal.
        redis::Error::Other(text) if url.password.as_ref().is_some_and(|password| text.contains(password)) => {
            Failure::Refused("NOPERM".into(), "the login failed".into())
        }
        redis::Error::Other(text) => match reply::refusal(&text) {
            Some(refusal) => refusal,
            None if reply::is_failed_login(&text) => Failure::Refused("WRONGPASS".into(), text),
            None => Failure::NotSent(text),
        },
        error => Failure::NotSent(error.to_string()),
    }
}
