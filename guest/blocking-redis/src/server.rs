//! The server that the host names, and the engine of an instance.

use alloc::format;
use alloc::sync::Arc;
use core::cell::OnceCell;
use core::marker::PhantomData;

use engine_store::Server;
use session_core::error::{Error, Result};
use session_core::store::Milliseconds;
use session_redis::Redis;
use session_redis::url::Url;

use crate::connection::Connection;
use crate::transport::Blocking;

/// How long a request is sent again while the server cannot be reached.
const PATIENCE: Milliseconds = 5_000;

/// The server that the variables of the instance name.
pub struct OnRedis<C>(PhantomData<C>);

impl<C: Connection> Server for OnRedis<C> {
    type Engine = Redis<Blocking<C>>;

    fn engine() -> Result<&'static Self::Engine> {
        let Instance(cell) = C::instance();
        if let Some(engine) = cell.get() {
            return Ok(engine);
        }
        let url = url::<C>()?;
        let prefix = url.prefix.clone();
        Ok(cell.get_or_init(|| Redis::new(Arc::new(Blocking::new(url)), &prefix, PATIENCE)))
    }
}

/// The engine of an instance, made when it is first used: for a `static`, which cannot be generic.
pub struct Instance<C>(OnceCell<Redis<Blocking<C>>>);

#[expect(unsafe_code, reason = "a `static` must be `Sync`")]
// SAFETY: an instance has one thread.
unsafe impl<C> Sync for Instance<C> {}

impl<C> Instance<C> {
    /// None yet.
    #[expect(clippy::new_without_default, reason = "it is only for a `static`")]
    pub const fn new() -> Self {
        Self(OnceCell::new())
    }
}

fn url<C: Connection>() -> Result<Url> {
    let name = C::STORE;
    let store = C::variable(name)?.ok_or_else(|| {
        Error::AccessDenied(format!("the host gives this component no variable {name}; set it to redis://HOST"))
    })?;
    let url = Url::parse(&store).map_err(|error| Error::AccessDenied(format!("{name} cannot be used: {error}")))?;
    Ok(Url { password: C::variable(C::PASSWORD)?.or(url.password), ..url })
}
