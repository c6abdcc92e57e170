//! Resolves the cookies of a request to a session.

use alloc::vec::Vec;

use crate::cookie::Credentials;
use crate::credential::Credential;
use crate::error::{Error, Result};
use crate::events::{Event, Events};
use crate::manager::Manager;
use crate::session::{Presented, Via};
use crate::state::State;
use crate::store::{Instant, Record, Store};
use crate::succession::Old;

/// What the cookies of a request resolve to.
pub(crate) enum Claim {
    /// The session is the client's.
    Granted(Record, State, Presented),
    /// The client gets the session as it was: see `succession`.
    Late(Record, State, Presented),
    /// No session that the client may have.
    Refused(Presented),
}

/// What one cookie resolves to.
enum Resolved {
    /// A session, whose newest cookie it is.
    Newest(Record, State),
    /// An old cookie.
    Old(Old),
    /// A session's id without its secret.
    WrongSecret,
    /// No session.
    Unknown,
}

impl<S: Store, E: Events> Manager<S, E> {
    /// Finds the session of a request.
    ///
    /// With several cookies it is the one session that one of them opens: the others are left over from another path,
    /// domain or application. When two open different sessions, another host of the domain may have planted one, and
    /// nothing tells which: the request gets neither.
    pub(crate) fn claim(&self, cookies: &Credentials, now: Instant) -> Result<Claim> {
        let mut presented = Presented { several: cookies.several, ..Presented::default() };
        let mut granted: Vec<(Record, State, Option<Via>)> = Vec::new();
        let mut late = None;
        let mut refused = Vec::new();
        for credential in &cookies.candidates {
            match self.resolve(credential, now)? {
                Resolved::Newest(record, state) => {
                    granted.retain(|(other, ..)| other.id != record.id);
                    granted.push((record, state, None));
                }
                Resolved::Old(Old::Valid(record, state, touched)) => {
                    if granted.iter().all(|(other, ..)| other.id != record.id) {
                        granted.push((record, state, Some(Via { id: credential.id.clone(), touched })));
                    }
                }
                Resolved::Old(Old::Late(record, state)) => {
                    presented.replaced = Some(record.id.clone());
                    late = Some((record, state));
                }
                Resolved::Old(Old::Replaced(by)) => {
                    presented.replaced = Some(by);
                    refused.push((credential, Event::UnknownId));
                }
                Resolved::Old(Old::Dead) => refused.push((credential, Event::DeadIdUsed)),
                Resolved::WrongSecret => refused.push((credential, Event::WrongSecret)),
                Resolved::Old(Old::Unknown) | Resolved::Unknown => refused.push((credential, Event::UnknownId)),
            }
        }
        if granted.len() > 1 {
            presented.rivals = granted.into_iter().map(|(record, ..)| record.id).collect();
            return Ok(Claim::Refused(presented));
        }
        if let Some((record, state, via)) = granted.pop() {
            presented.replaced = None;
            presented.via = via;
            return Ok(Claim::Granted(record, state, presented));
        }
        if let Some((record, state)) = late {
            return Ok(Claim::Late(record, state, presented));
        }
        for (credential, event) in refused {
            self.events.emit(Some(&credential.id), event);
        }
        Ok(Claim::Refused(presented))
    }

    /// Resolves one cookie. For an unreadable session the client gets a new one, as for a wrong secret. A failing store
    /// is an error instead: the session may well exist.
    fn resolve(&self, credential: &Credential, now: Instant) -> Result<Resolved> {
        let record = match self.load(&credential.id) {
            Ok(record) => record,
            Err(Error::Corrupt(_)) => None,
            Err(error) => return Err(error),
        };
        let state = record.as_ref().and_then(|record| State::decode(&record.contents.data).ok());
        // A forwarding record is not a session.
        let session = record.zip(state).filter(|(_, state)| state.more.replaced.is_none());
        let has_other_secret = match session {
            Some((record, state)) if state.secret.matches(&credential.hash()) => {
                return Ok(Resolved::Newest(record, state));
            }
            session => session.is_some(),
        };
        // The session may be getting a new id right now, and already have the new secret.
        Ok(match self.resolve_old(credential, now)? {
            Old::Unknown if has_other_secret => Resolved::WrongSecret,
            Old::Unknown => Resolved::Unknown,
            old => Resolved::Old(old),
        })
    }
}
