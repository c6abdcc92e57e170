//! The engine of this instance.

use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use core::cell::OnceCell;

use engine_store::Server;
use session_core::error::{Error, Result};
use session_core::store::Milliseconds;
use session_redis::Redis;
use session_redis::url::Url;
use wasi::cli::environment::get_environment;

use crate::transport::Socket;

/// The variables that say where the server is.
const STORE: &str = "SESSION3_STORE";
const PASSWORD: &str = "SESSION3_STORE_PASSWORD";

/// How long a request is sent again while the server cannot be reached.
const PATIENCE: Milliseconds = 5_000;

/// The server that the environment names.
pub struct RedisServer;

struct Instance(OnceCell<Redis<Socket>>);

#[expect(unsafe_code, reason = "a `static` must be `Sync`")]
// SAFETY: an instance has one thread.
unsafe impl Sync for Instance {}

static INSTANCE: Instance = Instance(OnceCell::new());

impl Server for RedisServer {
    type Engine = Redis<Socket>;

    fn engine() -> Result<&'static Redis<Socket>> {
        if let Some(engine) = INSTANCE.0.get() {
            return Ok(engine);
        }
        let url = url()?;
        let prefix = url.prefix.clone();
        Ok(INSTANCE.0.get_or_init(|| Redis::new(Arc::new(Socket::new(url)), &prefix, PATIENCE)))
    }
}

fn url() -> Result<Url> {
    let environment = get_environment();
    let variable = |name: &str| environment.iter().find(|(each, _)| each == name).map(|(_, value)| value.as_str());
    let store = variable(STORE).ok_or_else(|| {
        Error::AccessDenied(format!("the host gives this component no variable {STORE}; set it to redis://HOST"))
    })?;
    let url = Url::parse(store).map_err(|error| Error::AccessDenied(format!("{STORE} cannot be used: {error}")))?;
    Ok(Url { password: variable(PASSWORD).map(String::from).or(url.password), ..url })
}
