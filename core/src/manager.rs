//! The life of a session across requests: finding it at the start, and what administration does without its cookie.

use alloc::string::String;

use crate::client::Client;
use crate::configuration::Configuration;
use crate::credential::Credential;
use crate::error::Result;
use crate::events::{Event, Operation, timed};
use crate::grace::Old;
use crate::session::{Access, Session};
use crate::state::State;
use crate::store::{Backend, Instant, Record, SessionGuard};
use crate::{Error, SessionId};

/// Runs sessions over a store. See `manager` in `wit/session-manager.wit`: the operations are the same.
pub struct Manager<S> {
    pub(crate) store: S,
    pub(crate) configuration: Configuration,
}

/// What a load says about a client's claim to a session.
#[expect(clippy::large_enum_variant, reason = "nearly every claim is granted, and is moved once")]
enum Claim {
    /// It is the client's.
    Granted(Record, State),
    /// The secret is another.
    WrongSecret,
    /// There is no session that the client could go on with.
    Nothing,
}

impl<S: Backend> Manager<S> {
    /// Refuses a configuration that cannot work.
    pub fn new(store: S, configuration: Configuration) -> Result<Self> {
        configuration.check()?;
        Ok(Self { store, configuration })
    }

    /// The store it works on.
    pub fn store(&self) -> &S {
        &self.store
    }

    /// Begin a request: find its session, or make a new one. `fields` are the values of its `Cookie` fields or, for bearer
    /// tokens, of its `Authorization` fields.
    pub fn start_request(
        &self,
        fields: &[String],
        client: Client,
        access: Access,
        now: Instant,
    ) -> Result<Session<S::Guard>> {
        let value = self.configuration.cookie.find(fields);
        let Some(credential) = value.and_then(Credential::parse) else {
            return Ok(Session::new(access, client, now));
        };
        match claim(self.load(&credential.id), &credential)? {
            Claim::Granted(record, state) if access != Access::Exclusive => {
                Ok(Session::found(access, record, state, None, client, now))
            }
            Claim::Granted(..) => self.start_alone(&credential, client, now),
            refused => self.start_without(&credential, refused, access, client, now),
        }
    }

    /// Wait until the session can be had alone. Only now, so that nobody locks a session who may not have it. It may have
    /// changed while we waited.
    fn start_alone(&self, credential: &Credential, client: Client, now: Instant) -> Result<Session<S::Guard>> {
        let mut guard = self.store.lock(&credential.id)?;
        let loaded = timed(&self.store, Operation::Load, || guard.load());
        match claim(loaded, credential)? {
            Claim::Granted(record, state) => {
                Ok(Session::found(Access::Exclusive, record, state, Some(guard), client, now))
            }
            refused => {
                drop(guard);
                self.start_without(credential, refused, Access::Exclusive, client, now)
            }
        }
    }

    /// The session is not the client's, or not any more: it gets a new one, unless it is only late.
    fn start_without(
        &self,
        credential: &Credential,
        refused: Claim,
        access: Access,
        client: Client,
        now: Instant,
    ) -> Result<Session<S::Guard>> {
        let event = match (self.find_old(credential, now)?, refused) {
            (Old::Live(record, state), _) => {
                return Ok(Session::found(Access::ReadOnly, record, state, None, client, now));
            }
            (Old::Dead, _) => Event::DeadIdUsed,
            (Old::Unknown, Claim::WrongSecret) => Event::WrongSecret,
            (Old::Unknown, _) => Event::UnknownId,
        };
        self.store.tell(Some(&credential.id), event);
        Ok(Session::new(access, client, now))
    }

    /// Whether a session exists.
    pub fn has_session(&self, id: &SessionId) -> Result<bool> {
        Ok(self.load(id)?.is_some())
    }

    /// Look at a session without its cookie. Read-only.
    pub fn inspect_session(&self, id: &SessionId, now: Instant) -> Result<Option<Session<S::Guard>>> {
        let Some(record) = self.load(id)? else {
            return Ok(None);
        };
        let state = State::decode(&record.contents.data)?;
        Ok(Some(Session::found(Access::ReadOnly, record, state, None, Client::default(), now)))
    }

    /// End a session without its cookie. Says whether there was one.
    pub fn end_session(&self, id: &SessionId) -> Result<bool> {
        let mut guard = self.store.lock(id)?;
        timed(&self.store, Operation::Delete, || guard.delete())
    }

    /// When a session ends if it is not used again after this request.
    pub fn expires(&self, session: &Session<S::Guard>) -> Option<Instant> {
        session.expires(|idle| {
            session.access != Access::ReadOnly
                && session.started.abs_diff(session.last_active) >= self.configuration.resolution(idle)
        })
    }

    pub(crate) fn load(&self, id: &SessionId) -> Result<Option<Record>> {
        timed(&self.store, Operation::Load, || self.store.load(id))
    }
}

/// The session that was loaded, if the client may have it. A session that cannot be read is not one that the client
/// can go on with; it gets a new one, as it does for a wrong secret. A store that failed is another matter: the
/// session may well be there.
fn claim(loaded: Result<Option<Record>>, credential: &Credential) -> Result<Claim> {
    let record = match loaded {
        Ok(Some(record)) => record,
        Ok(None) | Err(Error::Corrupt(_)) => return Ok(Claim::Nothing),
        Err(error) => return Err(error),
    };
    Ok(match State::decode(&record.contents.data) {
        Ok(state) if state.more.replaced.is_some() => Claim::Nothing,
        Ok(state) if state.secret.is(&credential.hash()) => Claim::Granted(record, state),
        Ok(_) => Claim::WrongSecret,
        Err(_) => Claim::Nothing,
    })
}
