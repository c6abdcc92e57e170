//! A connection to the server that the environment names: the login, and replies cut out of the bytes received.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use blocking_redis::{Connection as _, Instance};
use session_core::error::Error;
use session_redis::resp::{self, Decoded, MAX_REPLY};
use session_redis::url::Url;
use session_redis::{Command, Failure, Reply};
use wasi::cli::environment::get_environment;
use wasi::sockets::network::ErrorCode;

use crate::network::{Broken, Stream};

/// A connection that is logged in.
pub struct Connection(Stream);

impl blocking_redis::Connection for Connection {
    const STORE: &str = "SESSION3_STORE";
    const PASSWORD: &str = "SESSION3_STORE_PASSWORD";

    fn variable(name: &str) -> Result<Option<String>, Error> {
        Ok(get_environment().into_iter().find(|(each, _)| each == name).map(|(_, value)| value))
    }

    fn instance() -> &'static Instance<Self> {
        static INSTANCE: Instance<Connection> = Instance::new();
        &INSTANCE
    }

    fn open(url: &Url) -> Result<Self, Failure> {
        if url.tls {
            return Err(Failure::Forbidden(
                "TLS (rediss://) is out of reach for a component with plain sockets; use a host that implements the \
                 store, or a tunnel on the same machine"
                    .into(),
            ));
        }
        let mut connection = Self(Stream::connect(&url.host, url.port).map_err(not_connected)?);
        connection.log_in(url).map_err(|failure| match failure {
            Failure::Lost(text) => Failure::NotSent(text),
            failure => failure,
        })?;
        Ok(connection)
    }

    fn is_open(&self) -> bool {
        self.0.is_silent()
    }

    fn exchange(&mut self, commands: &[Command]) -> Result<Vec<Result<Reply, Failure>>, Failure> {
        let mut bytes = Vec::new();
        commands.iter().for_each(|command| resp::encode(command, &mut bytes));
        self.0.write_all(&bytes).map_err(lost)?;
        bytes.clear();
        let mut at = 0;
        let replies = commands.iter().map(|_| self.reply(&mut bytes, &mut at)).collect::<Result<_, _>>()?;
        if at == bytes.len() { Ok(replies) } else { Err(lost("it sent more than was asked for")) }
    }
}

impl Connection {
    fn log_in(&mut self, url: &Url) -> Result<(), Failure> {
        let mut commands = Vec::new();
        if let Some(password) = &url.password {
            let user = url.user.as_deref();
            commands.push(Command::new(["AUTH"].into_iter().chain(user).chain([&password[..]])));
        }
        if url.database != 0 {
            commands.push(Command::new(["SELECT", &url.database.to_string()]));
        }
        for (command, reply) in commands.iter().zip(self.exchange(&commands)?) {
            reply.map_err(|failure| without_password(command, failure))?;
        }
        Ok(())
    }

    /// The reply behind this place in the bytes received, and receives what is missing.
    fn reply(&mut self, received: &mut Vec<u8>, at: &mut usize) -> Result<Result<Reply, Failure>, Failure> {
        loop {
            match resp::decode(&received[*at..]) {
                Decoded::Complete(reply, length) => {
                    *at += length;
                    return Ok(reply);
                }
                Decoded::Incomplete if received.len() - *at < MAX_REPLY => {
                    received.drain(..*at);
                    *at = 0;
                    self.0.read(received).map_err(lost)?;
                }
                Decoded::Incomplete => return Err(lost("its reply is too long")),
                Decoded::Invalid => return Err(lost("its reply is none of Redis's")),
            }
        }
    }
}

fn not_connected(broken: Broken) -> Failure {
    match broken {
        Broken::Refused(ErrorCode::AccessDenied) => Failure::Forbidden(broken.to_string()),
        broken => Failure::NotSent(broken.to_string()),
    }
}

fn lost(error: impl ToString) -> Failure {
    Failure::Lost(error.to_string())
}

/// A server that does not know `AUTH` repeats its arguments in the refusal.
fn without_password(command: &Command, failure: Failure) -> Failure {
    match failure {
        Failure::Refused(code, _) if command.arguments[0] == b"AUTH" => {
            let text: String = format!("{code} the login failed");
            Failure::Refused(code, text)
        }
        failure => failure,
    }
}
