//! The data of a managed session, and its codec.

use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::fmt;

use serde::{Deserialize, Serialize};

use crate::attributes::{Value, is_name};
use crate::credential::SecretHash;
use crate::error::Result;
use crate::form_tokens::FormTokens;
use crate::map::Map;
use crate::store::Instant;
use crate::{Error, SessionId};

/// The format of a session's data: its first byte.
const PLAIN: u8 = 1;
/// `PLAIN`, followed by [`More`].
const WITH_MORE: u8 = 2;
/// `WITH_MORE`, followed by [`Succession`].
const WITH_SUCCESSION: u8 = 3;

/// A session, except for its id and times.
#[derive(Clone, Default, Serialize, Deserialize)]
pub struct State {
    /// The hash of its cookie's secret.
    pub secret: SecretHash,
    /// Who is logged in.
    pub user: Option<String>,
    /// The client's address at creation or the last login.
    pub remote_address: Option<String>,
    /// The application's attributes.
    pub attributes: Map<Value>,
    /// Outstanding form tokens.
    pub tokens: FormTokens,
    /// Fields that few sessions have.
    #[serde(skip)]
    pub more: More,
    /// Of a session that got a new id by a periodic renewal, and of a forwarding record.
    #[serde(skip)]
    pub succession: Succession,
}

/// Fields that few sessions have; omitted if all are default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct More {
    /// The client's `User-Agent` at creation or the last login.
    pub user_agent: Option<String>,
    /// When the user last authenticated.
    pub authenticated: Option<Instant>,
    /// It outlives the browser.
    pub remembered: bool,
    /// When it got its id; none: at creation.
    pub renewed: Option<Instant>,
    /// The client has not yet returned with it.
    pub unconfirmed: bool,
    /// When attributes expire; those without a lifetime have no entry.
    pub expirations: Map<Instant>,
    /// Values to be read once, by a later request.
    pub flashes: Map<Value>,
    /// It is a forwarding record: the session continues under another id.
    pub replaced: Option<Replaced>,
}

/// Where a session continues that got a new id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replaced {
    /// Its new id.
    pub by: String,
    /// Requests with the old cookie that arrive before this may have been in flight.
    pub until: Instant,
}

/// Which cookies of a session are valid: see [`crate::manager`] and `set-renewal-interval` in
/// `wit/session-manager.wit`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Cookie {
    /// Only the newest.
    #[default]
    Newest,
    /// The previous one too: the client has not yet presented the newest.
    Awaited,
    /// The previous one was valid until the client presented the newest, at this time.
    Taken(Instant),
}

/// How a session's cookies succeed each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Succession {
    /// Whether the previous cookie is valid.
    pub cookie: Cookie,
    /// In a forwarding record: the new id gained no privilege, so the old cookie may be valid.
    pub follows: bool,
}

impl State {
    /// Whether there is something to keep.
    pub fn has_info(&self) -> bool {
        self.user.is_some() || !self.attributes.is_empty() || !self.more.flashes.is_empty() || !self.tokens.is_empty()
    }

    /// When an attribute expires; none when it has no lifetime.
    pub fn attribute_expires(&self, name: &str) -> Option<Instant> {
        self.more.expirations.get(name).copied()
    }

    /// Sets an attribute, with the time it expires, if any.
    pub fn set(&mut self, name: &str, value: Value, expires: Option<Instant>) {
        self.attributes.insert(name, value);
        match expires {
            Some(instant) => self.more.expirations.insert(name, instant),
            None => self.more.expirations.remove(name),
        }
    }

    /// Removes an attribute, if present.
    pub fn remove(&mut self, name: &str) {
        self.attributes.remove(name);
        self.more.expirations.remove(name);
    }

    /// Removes all attributes.
    pub fn clear(&mut self) {
        self.attributes.clear();
        self.more.expirations.clear();
    }

    /// Removes expired attributes in one pass: there may be as many as a session holds.
    pub fn remove_expired(&mut self, now: Instant) {
        let expirations = &mut self.more.expirations;
        if expirations.iter().any(|(_, at)| *at <= now) {
            self.attributes.retain(|name, _| expirations.get(name).is_none_or(|at| *at > now));
            expirations.retain(|_, at| *at > now);
        }
    }

    /// Encodes the data to store.
    pub fn encode(&self) -> Result<Vec<u8>> {
        let failed = |error| Error::Other(format!("cannot encode: {error}"));
        let format = match (self.more == More::default(), self.succession == Succession::default()) {
            (true, true) => PLAIN,
            (false, true) => WITH_MORE,
            (_, false) => WITH_SUCCESSION,
        };
        let mut data = postcard::to_extend(self, vec![format]).map_err(failed)?;
        if format != PLAIN {
            data = postcard::to_extend(&self.more, data).map_err(failed)?;
        }
        if format == WITH_SUCCESSION {
            data = postcard::to_extend(&self.succession, data).map_err(failed)?;
        }
        Ok(data)
    }

    /// Decodes stored data. Lengths in it are not trusted before their bytes are read.
    pub fn decode(data: &[u8]) -> Result<Self> {
        let corrupt = |what: &str| Err(Error::Corrupt(format!("not the data of a managed session: {what}")));
        let Some((&format, data)) = data.split_first() else {
            return corrupt("it is empty");
        };
        if !(PLAIN..=WITH_SUCCESSION).contains(&format) {
            return Err(Error::Corrupt(format!(
                "data of a managed session in format {format}; this manager reads formats {PLAIN} to {WITH_SUCCESSION}"
            )));
        }
        match read(data, format) {
            Ok((_, [_, ..])) => corrupt("trailing bytes"),
            Ok((state, [])) if state.is_within_limits() => Ok(state),
            Ok(_) => corrupt("a name is empty or too long"),
            Err(_) => corrupt("it is truncated or damaged"),
        }
    }

    fn is_within_limits(&self) -> bool {
        let mut names = self.attributes.names().chain(self.more.flashes.names());
        let mut expirations = self.more.expirations.names();
        let by = self.more.replaced.as_ref().map(|replaced| &replaced.by);
        self.user.as_deref().is_none_or(is_name)
            && names.all(is_name)
            && expirations.all(|name| self.attributes.get(name).is_some())
            && by.is_none_or(|by| SessionId::parse(by).is_ok())
    }
}

fn read(data: &[u8], format: u8) -> postcard::Result<(State, &[u8])> {
    let (mut state, mut rest) = postcard::take_from_bytes::<State>(data)?;
    if format >= WITH_MORE {
        (state.more, rest) = postcard::take_from_bytes(rest)?;
    }
    if format >= WITH_SUCCESSION {
        (state.succession, rest) = postcard::take_from_bytes(rest)?;
    }
    Ok((state, rest))
}

/// Omits attributes: their values may be secrets.
impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State")
            .field("user", &self.user)
            .field("attributes", &self.attributes.len())
            .field("tokens", &self.tokens.len())
            .finish_non_exhaustive()
    }
}
