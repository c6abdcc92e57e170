//! The life of a session across requests: finding it at the start, and what administration does without its cookie.

use alloc::string::{String, ToString};

use crate::attributes::{State, check_name};
use crate::cookie::{self, Policy};
use crate::credential::Credential;
use crate::error::Result;
use crate::session::{Access, Session};
use crate::store::{Instant, Milliseconds, Record, SessionGuard, Sessions};
use crate::{Error, SessionId};

/// How a manager works.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Configuration {
    /// How the cookie is set.
    pub cookie: Policy,
    /// A session ends when it was not used for this long.
    pub idle_timeout: Option<Milliseconds>,
    /// A session ends this long after it was created or its user logged in.
    pub absolute_timeout: Option<Milliseconds>,
}

/// 30 minutes and 12 hours: what OWASP and NIST SP 800-63B ask of sites of moderate risk.
impl Default for Configuration {
    fn default() -> Self {
        Self {
            cookie: Policy::default(),
            idle_timeout: Some(30 * 60 * 1000),
            absolute_timeout: Some(12 * 60 * 60 * 1000),
        }
    }
}

impl Configuration {
    /// Refuse what cannot work.
    pub fn check(&self) -> Result<()> {
        self.cookie.check()?;
        if self.idle_timeout == Some(0) || self.absolute_timeout == Some(0) {
            return Err(Error::InvalidArgument("a timeout is at least 1 millisecond".to_string()));
        }
        Ok(())
    }
}

/// Runs sessions over a store. See `manager` in `wit/session-manager.wit`: the operations are the same.
pub struct Manager<S> {
    pub(crate) store: S,
    pub(crate) configuration: Configuration,
}

impl<S: Sessions> Manager<S> {
    /// Refuses a configuration that cannot work.
    pub fn new(store: S, configuration: Configuration) -> Result<Self> {
        configuration.check()?;
        Ok(Self { store, configuration })
    }

    /// The store it works on.
    pub fn store(&self) -> &S {
        &self.store
    }

    /// Begin a request: find its session, or make a new one. `cookies` are the values of its `Cookie` fields.
    pub fn start_request(
        &self,
        cookies: &[String],
        peer: Option<&str>,
        access: Access,
        now: Instant,
    ) -> Result<Session<S::Guard>> {
        let value = cookie::find(cookies, &self.configuration.cookie.name);
        if let Some(credential) = value.and_then(Credential::parse)
            && let Some((record, state)) = recognise(self.store.load(&credential.id), &credential)?
        {
            if access != Access::Exclusive {
                return Ok(Session::found(access, record, state, None));
            }
            // Only now, so that nobody locks a session who may not have it. It may have changed while we waited.
            let mut guard = self.store.lock(&credential.id)?;
            if let Some((record, state)) = recognise(guard.load(), &credential)? {
                return Ok(Session::found(access, record, state, Some(guard)));
            }
        }
        Ok(Session::new(access, peer, now))
    }

    /// Whether a session exists.
    pub fn has_session(&self, id: &SessionId) -> Result<bool> {
        Ok(self.store.load(id)?.is_some())
    }

    /// Look at a session without its cookie. Read-only.
    pub fn inspect_session(&self, id: &SessionId) -> Result<Option<Session<S::Guard>>> {
        let Some(record) = self.store.load(id)? else {
            return Ok(None);
        };
        let state = State::decode(&record.contents.data)?;
        Ok(Some(Session::found(Access::ReadOnly, record, state, None)))
    }

    /// End a session without its cookie. Says whether there was one.
    pub fn end_session(&self, id: &SessionId) -> Result<bool> {
        self.store.lock(id)?.delete()
    }

    /// End all sessions of a user, and say how many there were.
    pub fn end_sessions_of(&self, user: &str) -> Result<u64> {
        check_name("a user", user)?;
        self.store.delete_of(user)
    }
}

/// The session that was loaded, if the client may have it. A session that cannot be read is not one that the client
/// can go on with; it gets a new one, as it does for a wrong secret. A store that failed is another matter: the
/// session may well be there.
fn recognise(loaded: Result<Option<Record>>, credential: &Credential) -> Result<Option<(Record, State)>> {
    let record = match loaded {
        Ok(Some(record)) => record,
        Ok(None) | Err(Error::Corrupt(_)) => return Ok(None),
        Err(error) => return Err(error),
    };
    match State::decode(&record.contents.data) {
        Ok(state) if state.secret.is(&credential.hash()) => Ok(Some((record, state))),
        _ => Ok(None),
    }
}
