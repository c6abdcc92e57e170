//! The life of a session across requests: finding it at the start, and administration without its cookie.

use alloc::string::String;

use crate::claim::Claim;
use crate::client::Client;
use crate::configuration::Configuration;
use crate::error::Result;
use crate::events::{Event, Events, Operation, timed};
use crate::session::{Access, Session};
use crate::state::State;
use crate::store::{Guard, Instant, LockMode, Record, Store};
use crate::succession::HOPS;
use crate::{Error, SessionId};

/// Manages the sessions of one store and reports events. Its operations are those of `manager` in
/// `wit/session-manager.wit`.
#[derive(Clone)]
pub struct Manager<S, E> {
    pub(crate) store: S,
    pub(crate) events: E,
    pub(crate) configuration: Configuration,
}

/// Maximum lookups of a session that changes while its lock is awaited.
const ATTEMPTS: usize = 8;

impl<S: Store, E: Events> Manager<S, E> {
    /// Creates a manager; refuses an invalid configuration.
    pub fn new(store: S, events: E, configuration: Configuration) -> Result<Self> {
        configuration.check()?;
        Ok(Self { store, events, configuration })
    }

    /// The underlying store.
    pub fn store(&self) -> &S {
        &self.store
    }

    /// Begins a request: finds its session, or makes a new one. `fields` are the values of its `Cookie` fields or, for
    /// bearer tokens, of its `Authorization` fields.
    pub fn start_request(
        &self,
        fields: &[String],
        client: Client,
        access: Access,
        now: Instant,
    ) -> Result<Session<S::Guard>> {
        let cookies = self.configuration.cookie.find(fields);
        for _ in 0..ATTEMPTS {
            let (record, state, presented) = match self.claim(&cookies, now)? {
                Claim::Granted(record, state, presented) => (record, state, presented),
                Claim::Late(record, state, presented) => {
                    let session = Session::found(Access::ReadOnly, record, state, None, client, now);
                    return Ok(session.presenting(presented.for_access(access)));
                }
                Claim::Refused(presented) => {
                    return Ok(Session::new(access, client, now).presenting(presented.for_access(access)));
                }
            };
            if access != Access::Exclusive {
                return Ok(Session::found(access, record, state, None, client, now).presenting(presented));
            }
            // Locked only now, so that no client can lock a session it may not have. It may change during the wait.
            let mut guard = self.lock(&record.id)?;
            let id = record.id;
            let loaded = timed(&self.events, Operation::Load, || guard.load());
            let newest = loaded.and_then(|found| {
                found.map(|record| State::decode(&record.contents.data).map(|state| (record, state))).transpose()
            });
            match newest {
                Ok(Some((record, newest))) if newest.secret.matches(&state.secret) => {
                    let session = Session::found(access, record, newest, Some(guard), client, now);
                    return Ok(session.presenting(presented));
                }
                Ok(_) => {}
                Err(Error::Corrupt(_)) => {
                    self.events.emit(Some(&id), Event::UnknownId);
                    return Ok(Session::new(access, client, now));
                }
                Err(error) => return Err(error),
            }
        }
        Err(Error::Busy)
    }

    /// Whether a session exists.
    pub fn has_session(&self, id: &SessionId) -> Result<bool> {
        Ok(self.load(id)?.is_some())
    }

    /// Returns a session by its current or recent id, without its cookie. Read-only.
    pub fn inspect_session(&self, id: &SessionId, now: Instant) -> Result<Option<Session<S::Guard>>> {
        let found = match self.load(id)? {
            Some(record) => Some(record),
            None => self.load(&self.current(id)?)?,
        };
        let Some(record) = found else {
            return Ok(None);
        };
        let state = State::decode(&record.contents.data)?;
        Ok(Some(Session::found(Access::ReadOnly, record, state, None, Client::default(), now)))
    }

    /// Ends a session by its current or recent id, without its cookie. Returns whether it existed.
    pub fn end_session(&self, id: &SessionId) -> Result<bool> {
        self.end_unless(id, |_| Ok(false))
    }

    /// Ends a session, under whatever id it has by now, unless it is to be kept.
    pub(crate) fn end_unless(
        &self,
        id: &SessionId,
        mut is_kept: impl FnMut(&SessionId) -> Result<bool>,
    ) -> Result<bool> {
        let mut id = id.clone();
        for _ in 0..=HOPS {
            let mut guard = self.lock(&id)?;
            if is_kept(&id)? {
                return Ok(false);
            }
            if timed(&self.events, Operation::Delete, || guard.delete())? {
                return Ok(true);
            }
            drop(guard);
            match self.successor(&id)? {
                Some(next) => id = next,
                None => return Ok(false),
            }
        }
        Err(Error::Busy)
    }

    /// When a session expires if it is not used again after this request.
    pub fn expires(&self, session: &Session<S::Guard>) -> Option<Instant> {
        session.expires(|idle| {
            session.access != Access::ReadOnly
                && session.started.abs_diff(session.last_active) >= self.configuration.resolution(idle)
        })
    }

    pub(crate) fn load(&self, id: &SessionId) -> Result<Option<Record>> {
        timed(&self.events, Operation::Load, || self.store.load(id))
    }

    /// Locks a session exclusively, waiting up to the store's lock wait.
    pub(crate) fn lock(&self, id: &SessionId) -> Result<S::Guard> {
        self.store.lock(id, LockMode::Exclusive, None)
    }
}
