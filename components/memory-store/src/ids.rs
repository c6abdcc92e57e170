//! Ids as they come, and as they are kept.

use alloc::string::{String, ToString};

use session_core::SessionId;

use crate::bindings::wit::Error;

/// Check an id.
pub fn parse(id: &str) -> Result<SessionId, Error> {
    SessionId::parse(id).map_err(|error| Error::InvalidId(error.to_string()))
}

/// Check an id if there is one.
pub fn parse_some(id: Option<String>) -> Result<Option<SessionId>, Error> {
    id.map(|id| parse(&id)).transpose()
}
