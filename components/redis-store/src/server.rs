//! Where the server is.

use alloc::format;
use alloc::string::String;

use blocking_redis::{Blocking, Instance};
use engine_store::Server;
use session_core::error::{Error, Result};
use session_redis::Redis;
use session_redis::url::Url;
use wasi::cli::environment::get_environment;

use crate::connection::Connection;

/// The variables that say where the server is.
const STORE: &str = "SESSION3_STORE";
const PASSWORD: &str = "SESSION3_STORE_PASSWORD";

/// The server that the environment names.
pub struct RedisServer;

static INSTANCE: Instance<Connection> = Instance::new();

impl Server for RedisServer {
    type Engine = Redis<Blocking<Connection>>;

    fn engine() -> Result<&'static Self::Engine> {
        INSTANCE.engine()
    }
}

/// The URL in the environment, with the password from there.
pub fn url() -> Result<Url> {
    let environment = get_environment();
    let variable = |name: &str| environment.iter().find(|(each, _)| each == name).map(|(_, value)| value.as_str());
    let store = variable(STORE).ok_or_else(|| {
        Error::AccessDenied(format!("the host gives this component no variable {STORE}; set it to redis://HOST"))
    })?;
    let url = Url::parse(store).map_err(|error| Error::AccessDenied(format!("{STORE} cannot be used: {error}")))?;
    if url.tls {
        return Err(Error::AccessDenied(format!(
            "{STORE} cannot be used: TLS (rediss://) is out of reach for a component with plain sockets; use a host that \
             implements the store, or a tunnel on the same machine"
        )));
    }
    Ok(Url { password: variable(PASSWORD).map(String::from).or(url.password), ..url })
}
