//! Where the server is.

use alloc::format;
use alloc::string::String;

use blocking_redis::{Blocking, Instance};
use engine_store::Server;
use session_core::error::{Error, Result};
use session_redis::Redis;
use session_redis::url::Url;

use crate::bindings::fermyon::spin::variables;
use crate::connection::Connection;

/// The variables that say where the server is.
const STORE: &str = "session3_store";
const PASSWORD: &str = "session3_store_password";

/// The server that the component's variables name.
pub struct SpinServer;

static INSTANCE: Instance<Connection> = Instance::new();

impl Server for SpinServer {
    type Engine = Redis<Blocking<Connection>>;

    fn engine() -> Result<&'static Self::Engine> {
        INSTANCE.engine()
    }
}

/// The URL in the variables, with the password from there.
pub fn url() -> Result<Url> {
    let store = variable(STORE)?.ok_or_else(|| {
        Error::AccessDenied(format!(
            "Spin gives this component no variable {STORE}; set it to redis://HOST, and let the dependency inherit variables"
        ))
    })?;
    let url = Url::parse(&store).map_err(|error| Error::AccessDenied(format!("{STORE} cannot be used: {error}")))?;
    Ok(Url { password: variable(PASSWORD)?.filter(|password| !password.is_empty()).or(url.password), ..url })
}

/// None if it is undefined. A provider of secrets that fails is an error: without the password the server would refuse.
fn variable(name: &str) -> Result<Option<String>> {
    match variables::get(name) {
        Ok(value) => Ok(Some(value)),
        Err(variables::Error::Undefined(_) | variables::Error::InvalidName(_)) => Ok(None),
        Err(variables::Error::Provider(text) | variables::Error::Other(text)) => {
            Err(Error::Unavailable(format!("Spin cannot give the variable {name}: {text}")))
        }
    }
}
