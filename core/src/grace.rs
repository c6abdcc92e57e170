//! What an old cookie finds when its session has a new id.
//!
//! Before a session gets a new id, what it was is kept under an id that is made of the old one. Who comes with the old
//! cookie soon after had sent the request before: it finds the session as it was, read-only. As it was, and not as it
//! is: a cookie that somebody planted before a login must not show what the login brought. Who comes later has no
//! business with that cookie.

use crate::credential::Credential;
use crate::error::Result;
use crate::events::{Operation, timed};
use crate::manager::Manager;
use crate::state::{More, Replaced, State};
use crate::store::{Backend, Contents, Instant, Milliseconds, Record, SessionGuard};
use crate::{Error, SessionId};

/// How long the use of an old cookie is noticed when there is no idle timeout.
const WATCH: Milliseconds = 30 * 60 * 1000;

/// How often a session may get a new id within one grace window, and the first cookie still finds it.
const HOPS: usize = 4;

/// What is known of an old cookie.
#[expect(clippy::large_enum_variant, reason = "it is moved once")]
pub(crate) enum Old {
    /// It is late, and its session lives.
    Live(Record, State),
    /// Its session has gone on without it.
    Dead,
    /// It is none.
    Unknown,
}

impl<S: Backend> Manager<S> {
    /// Look for what a session was when it had this cookie.
    pub(crate) fn find_old(&self, credential: &Credential, now: Instant) -> Result<Old> {
        if self.configuration.grace_window == 0 {
            return Ok(Old::Unknown);
        }
        let Some((record, state)) = self.load_old(&credential.id)? else {
            return Ok(Old::Unknown);
        };
        let replaced = match &state.more.replaced {
            Some(replaced) if state.secret.is(&credential.hash()) => replaced.clone(),
            _ => return Ok(Old::Unknown),
        };
        // A clock that was stepped back opens no window a second time: it is no longer than it ever was.
        let late = now < replaced.until && now.saturating_add(self.configuration.grace_window) >= replaced.until;
        if late && self.lives(&credential.id, replaced)? {
            return Ok(Old::Live(record, state));
        }
        Ok(Old::Dead)
    }

    /// Whether the session still is, under the id that it got, or one that it got since. While it is getting the new id
    /// it has the old one.
    fn lives(&self, old: &SessionId, mut replaced: Replaced) -> Result<bool> {
        for _ in 0..HOPS {
            let id = SessionId::parse(&replaced.by)?;
            if self.has_session(&id)? {
                return Ok(true);
            }
            match self.load_old(&id)?.and_then(|(_, state)| state.more.replaced) {
                Some(next) => replaced = next,
                None => break,
            }
        }
        self.has_session(old)
    }

    fn load_old(&self, id: &SessionId) -> Result<Option<(Record, State)>> {
        let record = match self.load(&SessionId::derive("old", id.as_str())?) {
            Ok(Some(record)) => record,
            Ok(None) | Err(Error::Corrupt(_)) => return Ok(None),
            Err(error) => return Err(error),
        };
        Ok(State::decode(&record.contents.data).ok().map(|state| (record, state)))
    }

    /// Keep what a session is, before it gets a new id.
    pub(crate) fn keep_old(&self, old: &Record, state: &State, by: &SessionId, now: Instant) -> Result<()> {
        let grace = self.configuration.grace_window;
        if grace == 0 {
            return Ok(());
        }
        let until = now.saturating_add(grace);
        let replaced = Some(Replaced { by: by.as_str().into(), until });
        let kept = State { more: More { replaced, ..state.more.clone() }, ..state.clone() };
        let contents = Contents {
            data: kept.encode()?,
            // The session is its user's, and this is only what it was.
            owner: None,
            idle_timeout: None,
            deadline: Some(until.saturating_add(self.configuration.idle_timeout.unwrap_or(WATCH))),
        };
        let id = SessionId::derive("old", old.id.as_str())?;
        match timed(&self.store, Operation::Create, || self.store.create(&id, contents.clone())) {
            // An attempt to get a new id failed before.
            Err(Error::AlreadyExists) => {
                let mut guard = self.store.lock(&id)?;
                timed(&self.store, Operation::Save, || guard.save(&contents, None)).map(drop)
            }
            result => result.map(drop),
        }
    }
}
