//! The engine of an instance.

use alloc::sync::Arc;
use core::cell::OnceCell;

use session_core::error::Result;
use session_core::store::Milliseconds;
use session_redis::Redis;

use crate::connection::Connection;
use crate::transport::Blocking;

/// How long a request is sent again while the server cannot be reached.
const PATIENCE: Milliseconds = 5_000;

/// The engine of an instance, for a `static` of the component.
pub struct Instance<C: Connection>(OnceCell<Redis<Blocking<C>>>);

#[expect(unsafe_code, reason = "a `static` must be `Sync`")]
// SAFETY: an instance has one thread.
unsafe impl<C: Connection> Sync for Instance<C> {}

impl<C: Connection> Instance<C> {
    /// None yet.
    #[expect(clippy::new_without_default, reason = "it is only for a `static`")]
    pub const fn new() -> Self {
        Self(OnceCell::new())
    }

    /// The engine on the server that the host names, made at the first call.
    ///
    /// # Errors
    ///
    /// Those of [`Connection::url`].
    pub fn engine(&self) -> Result<&Redis<Blocking<C>>> {
        if let Some(engine) = self.0.get() {
            return Ok(engine);
        }
        let url = C::url()?;
        let prefix = url.prefix.clone();
        Ok(self.0.get_or_init(|| Redis::new(Arc::new(Blocking::new(url)), &prefix, PATIENCE)))
    }
}
