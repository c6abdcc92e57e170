//! Which session a request may have, by the cookies that it shows.

use alloc::vec::Vec;

use crate::cookie::Credentials;
use crate::credential::Credential;
use crate::error::{Error, Result};
use crate::events::{Event, Events};
use crate::manager::Manager;
use crate::session::{Shown, Via};
use crate::state::State;
use crate::store::{Instant, Record, Store};
use crate::succession::Old;

/// What all cookies of a request are worth.
pub(crate) enum Claim {
    /// The session is the client's.
    Granted(Record, State, Shown),
    /// The session is the client's as it was: see `succession`.
    Late(Record, State, Shown),
    /// There is no session that the client may have.
    Refused(Shown),
}

/// What one cookie is worth.
enum Worth {
    /// It is the newest of its session.
    Newest(Record, State),
    /// It is an older one.
    Old(Old),
    /// It has the id of a session and not its secret.
    WrongSecret,
    /// There is no session to it.
    Nothing,
}

impl<S: Store, E: Events> Manager<S, E> {
    /// Find the session of a request.
    ///
    /// With several cookies it is the one session that one of them opens: the others are left over from another path,
    /// domain or application. When two open different sessions, a neighbouring host may have tossed one in, and nothing
    /// says which: the request has none of them.
    pub(crate) fn claim(&self, cookies: &Credentials, now: Instant) -> Result<Claim> {
        let mut shown = Shown { several: cookies.several, ..Shown::default() };
        let mut granted: Vec<(Record, State, Option<Via>)> = Vec::new();
        let mut late = None;
        let mut refused = Vec::new();
        for credential in &cookies.candidates {
            match self.worth(credential, now)? {
                Worth::Newest(record, state) => {
                    granted.retain(|(other, ..)| other.id != record.id);
                    granted.push((record, state, None));
                }
                Worth::Old(Old::Good(record, state, noted)) => {
                    if granted.iter().all(|(other, ..)| other.id != record.id) {
                        granted.push((record, state, Some(Via { id: credential.id.clone(), noted })));
                    }
                }
                Worth::Old(Old::Late(record, state)) => {
                    shown.replaced = Some(record.id.clone());
                    late = Some((record, state));
                }
                Worth::Old(Old::Replaced(by)) => {
                    shown.replaced = Some(by);
                    refused.push((credential, Event::UnknownId));
                }
                Worth::Old(Old::Dead) => refused.push((credential, Event::DeadIdUsed)),
                Worth::WrongSecret => refused.push((credential, Event::WrongSecret)),
                Worth::Old(Old::Unknown) | Worth::Nothing => refused.push((credential, Event::UnknownId)),
            }
        }
        if granted.len() > 1 {
            shown.rivals = granted.into_iter().map(|(record, ..)| record.id).collect();
            return Ok(Claim::Refused(shown));
        }
        if let Some((record, state, via)) = granted.pop() {
            shown.replaced = None;
            shown.via = via;
            return Ok(Claim::Granted(record, state, shown));
        }
        if let Some((record, state)) = late {
            return Ok(Claim::Late(record, state, shown));
        }
        for (credential, event) in refused {
            self.events.tell(Some(&credential.id), event);
        }
        Ok(Claim::Refused(shown))
    }

    /// A session that cannot be read is not one that the client can go on with; it gets a new one, as it does for a wrong
    /// secret. A store that failed is another matter: the session may well be there.
    fn worth(&self, credential: &Credential, now: Instant) -> Result<Worth> {
        let record = match self.load(&credential.id) {
            Ok(record) => record,
            Err(Error::Corrupt(_)) => None,
            Err(error) => return Err(error),
        };
        let state = record.as_ref().and_then(|record| State::decode(&record.contents.data).ok());
        // What is kept of an old id is no session.
        let session = record.zip(state).filter(|(_, state)| state.more.replaced.is_none());
        let has_other_secret = match session {
            Some((record, state)) if state.secret.is(&credential.hash()) => return Ok(Worth::Newest(record, state)),
            session => session.is_some(),
        };
        // It may be getting a new id at this moment, and have the new secret already.
        Ok(match self.find_old(credential, now)? {
            Old::Unknown if has_other_secret => Worth::WrongSecret,
            Old::Unknown => Worth::Nothing,
            old => Worth::Old(old),
        })
    }
}
