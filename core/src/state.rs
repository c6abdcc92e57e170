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

/// The first byte of a session's data says how the rest is to be read.
const PLAIN: u8 = 1;
/// As `PLAIN`, with [`More`] behind it.
const WITH_MORE: u8 = 2;
/// As `WITH_MORE`, with [`Succession`] behind it.
const WITH_SUCCESSION: u8 = 3;

/// All that a session is, beside its id and times.
#[derive(Clone, Default, Serialize, Deserialize)]
pub struct State {
    /// Of the secret in its cookie.
    pub secret: SecretHash,
    /// Who is logged in.
    pub user: Option<String>,
    /// The client's address when it was created or the user logged in.
    pub remote_address: Option<String>,
    /// What the application keeps.
    pub attributes: Map<Value>,
    /// For forms on their way.
    pub tokens: FormTokens,
    /// What not every session has.
    #[serde(skip)]
    pub more: More,
    /// What a session has that got a new id because it was time, and what is kept of an old one.
    #[serde(skip)]
    pub succession: Succession,
}

/// What not every session has: one that has nothing of it is stored without.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct More {
    /// The client's `User-Agent` when it was created or the user logged in.
    pub user_agent: Option<String>,
    /// When the user last proved who they are.
    pub authenticated: Option<Instant>,
    /// It outlives the browser.
    pub remembered: bool,
    /// When it got its id; none: when it was created.
    pub renewed: Option<Instant>,
    /// The client has not yet come back with it.
    pub unreturned: bool,
    /// When attributes vanish; those that stay have no entry.
    pub vanishing: Map<Instant>,
    /// Read once, by a later request.
    pub flashes: Map<Value>,
    /// It is what an old cookie finds: the session goes on elsewhere.
    pub replaced: Option<Replaced>,
}

/// Where a session went on that got a new id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replaced {
    /// Its new id.
    pub by: String,
    /// Requests with the old cookie that come before this were under way.
    pub until: Instant,
}

/// Which cookie of a session is good: see [`crate::manager`] and `wit/session-manager.wit`, `set-renewal-interval`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Cookie {
    /// The newest one, and no other.
    #[default]
    Newest,
    /// The one before as well: the client has not yet come with the newest.
    Awaited,
    /// The one before was good until the client came with the newest, then.
    Taken(Instant),
}

/// How a session's cookies follow each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Succession {
    /// Whether the cookie before is good.
    pub cookie: Cookie,
    /// Of what is kept of an old id: nothing was gained by the new one, so the old cookie may be good.
    pub follows: bool,
}

impl State {
    /// Whether there is something to keep.
    pub fn has_info(&self) -> bool {
        self.user.is_some() || !self.attributes.is_empty() || !self.more.flashes.is_empty() || !self.tokens.is_empty()
    }

    /// When an attribute vanishes; none when it stays.
    pub fn vanishes(&self, name: &str) -> Option<Instant> {
        self.more.vanishing.get(name).copied()
    }

    /// Set an attribute, for ever or until it vanishes.
    pub fn set(&mut self, name: &str, value: Value, vanishes: Option<Instant>) {
        self.attributes.insert(name, value);
        match vanishes {
            Some(instant) => self.more.vanishing.insert(name, instant),
            None => self.more.vanishing.remove(name),
        }
    }

    /// Remove an attribute, if it is there.
    pub fn remove(&mut self, name: &str) {
        self.attributes.remove(name);
        self.more.vanishing.remove(name);
    }

    /// Remove all attributes.
    pub fn clear(&mut self) {
        self.attributes.clear();
        self.more.vanishing.clear();
    }

    /// Remove the attributes whose time has come, all in one pass: there may be as many as a session holds.
    pub fn vanish(&mut self, now: Instant) {
        let vanishing = &mut self.more.vanishing;
        if vanishing.iter().any(|(_, at)| *at <= now) {
            self.attributes.retain(|name, _| vanishing.get(name).is_none_or(|at| *at > now));
            vanishing.retain(|_, at| *at > now);
        }
    }

    /// The data to store.
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

    /// Read data that was stored. The lengths in it are not believed before the bytes are there.
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
            Ok((_, [_, ..])) => corrupt("bytes are left over"),
            Ok((state, [])) if state.is_within_limits() => Ok(state),
            Ok(_) => corrupt("a name is empty or too long"),
            Err(_) => corrupt("it is cut or damaged"),
        }
    }

    fn is_within_limits(&self) -> bool {
        let mut names = self.attributes.names().chain(self.more.flashes.names());
        let mut vanishing = self.more.vanishing.names();
        let by = self.more.replaced.as_ref().map(|replaced| &replaced.by);
        self.user.as_deref().is_none_or(is_name)
            && names.all(is_name)
            && vanishing.all(|name| self.attributes.get(name).is_some())
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

/// Without the attributes: their values may be secrets.
impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State")
            .field("user", &self.user)
            .field("attributes", &self.attributes.len())
            .field("tokens", &self.tokens.len())
            .finish_non_exhaustive()
    }
}
