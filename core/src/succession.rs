//! Resolves an old cookie after its session got a new id.
//!
//! Before a session gets a new id, a forwarding record is stored for the old one, under an id derived from it, with the
//! session's next id and the hash of the old secret. So an old cookie can be told from a forged one, a session is found
//! by an old id, and what began under the old id ends under the new one.
//!
//! What an old cookie is worth depends on the reason for the new one. After a periodic renewal, the old one stays valid
//! until the client has presented the new one, as with refresh tokens (RFC 9700, section 4.14.2): a lost response logs
//! nobody out. After a gain of privilege, such as a login, it does not: an attacker who planted the old cookie must not
//! get what the login brought. Requests in flight may see such a session as it was, and end it.

use crate::SessionId;
use crate::credential::Credential;
use crate::error::{Error, Result};
use crate::events::{Events, Operation, timed};
use crate::manager::Manager;
use crate::state::{Cookie, More, Replaced, State, Succession};
use crate::store::{Contents, Guard, Instant, Milliseconds, Record, Store};

/// How long the use of an old cookie is detected when there is no idle timeout.
const WATCH: Milliseconds = 30 * 60 * 1000;

/// How long a request and its response are assumed to be in flight without a grace window: the timeout of most proxies.
const IN_FLIGHT: Milliseconds = 60 * 1000;

/// Maximum number of new ids followed. Each is one that a session got during a request.
pub(crate) const HOPS: usize = 8;

/// What an old cookie resolves to.
pub(crate) enum Old {
    /// The session, as if the cookie were its newest; and when the last use of the old one was recorded.
    Valid(Record, State, Instant),
    /// The session as it was, with its current record: the request was in flight.
    Late(Record, State),
    /// No session, but it was replaced very recently by this one.
    Replaced(SessionId),
    /// No session: it has continued without this cookie.
    Dead,
    /// Not an old cookie.
    Unknown,
}

/// Why a session gets a new id.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    /// Periodic renewal.
    Due,
    /// A gain of privilege, or another user.
    Privilege,
}

/// A decoded forwarding record.
struct Forward {
    /// The session's next id.
    by: SessionId,
    /// When it got that id.
    at: Instant,
    /// When the last use of the old cookie was recorded.
    touched: Instant,
    /// Requests with the old cookie that arrive before this may have been in flight.
    until: Instant,
    state: State,
}

impl Forward {
    fn of(record: Record) -> Option<Self> {
        let (Record { modified, last_active, .. }, state) = decoded(record)?;
        let replaced = state.more.replaced.as_ref()?;
        let by = SessionId::parse(&replaced.by).ok()?;
        Some(Self { by, at: modified, touched: last_active, until: replaced.until, state })
    }

    /// When the new id invalidated the old cookie; none when it did not.
    fn invalidated(&self) -> Option<Instant> {
        (!self.state.succession.follows).then_some(self.at)
    }
}

/// The current state of a session that had another id.
struct Trace {
    record: Record,
    state: State,
    /// When the old cookie became invalid; none while it is valid.
    invalidated: Option<Instant>,
}

impl<S: Store, E: Events> Manager<S, E> {
    /// Resolves an old cookie to its session.
    pub(crate) fn resolve_old(&self, credential: &Credential, now: Instant) -> Result<Old> {
        let Some(forward) =
            self.load_forward(&credential.id)?.filter(|forward| forward.state.secret.matches(&credential.hash()))
        else {
            return Ok(Old::Unknown);
        };
        let Some(Trace { record, state, invalidated }) = self.trace(&credential.id, &forward, now)? else {
            let was_good = forward.state.succession.follows || self.may_be_in_flight(forward.at, now);
            return Ok(if was_good { Old::Unknown } else { Old::Dead });
        };
        Ok(match invalidated {
            None => Old::Valid(record, state, forward.touched),
            Some(_) if self.is_visible(&forward, &state, now) => Old::Late(record, forward.state),
            Some(at) if self.may_be_in_flight(at, now) => Old::Replaced(record.id),
            Some(_) => Old::Dead,
        })
    }

    /// Whether requests with the old cookie see the old state. After a logout no request sees its user.
    fn is_visible(&self, forward: &Forward, current: &State, now: Instant) -> bool {
        let grace = self.configuration.grace_window;
        // Stepping the clock back does not reopen a window: it never gets longer.
        let is_late = now < forward.until && now.saturating_add(grace) >= forward.until;
        let is_of_current = forward.state.user.is_none() || forward.state.user == current.user;
        !forward.state.succession.follows && is_late && is_of_current
    }

    /// Whether a request sent before this time may still arrive.
    fn may_be_in_flight(&self, since: Instant, now: Instant) -> bool {
        since <= now && now - since < self.in_flight()
    }

    fn in_flight(&self) -> Milliseconds {
        if self.configuration.grace_window == 0 { IN_FLIGHT } else { self.configuration.grace_window }
    }

    /// Follows a session from the forwarding record of an old id to its current record; none when it has ended.
    fn trace(&self, from: &SessionId, first: &Forward, now: Instant) -> Result<Option<Trace>> {
        let mut invalidated = first.invalidated();
        let (mut last, mut next) = (from.clone(), first.by.clone());
        for _ in 0..HOPS {
            if let Some((record, state)) = self.load(&next)?.and_then(decoded) {
                let invalidated = invalidated.or_else(|| self.previous_invalidated(&state, now));
                return Ok(Some(Trace { record, state, invalidated }));
            }
            let Some(forward) = self.load_forward(&next)? else { break };
            invalidated = invalidated
                .or_else(|| self.previous_invalidated(&forward.state, now))
                .or_else(|| forward.invalidated());
            last = core::mem::replace(&mut next, forward.by);
        }
        // During a renewal it still has the last id.
        let found = self.load(&last)?.and_then(decoded);
        Ok(found.map(|(record, state)| Trace { record, state, invalidated }))
    }

    /// When the session's previous cookie became invalid; none while it is valid.
    fn previous_invalidated(&self, state: &State, now: Instant) -> Option<Instant> {
        match state.succession.cookie {
            Cookie::Awaited => None,
            Cookie::Taken(at) => {
                let open = at <= now && now - at < self.configuration.grace_window;
                (!open).then_some(at)
            }
            Cookie::Newest => Some(0),
        }
    }

    /// The next id of the session that had this one; none when it has not got one.
    pub(crate) fn successor(&self, id: &SessionId) -> Result<Option<SessionId>> {
        Ok(self.load_forward(id)?.map(|forward| forward.by))
    }

    /// The current id of the session that had this one; this one if no other is known.
    pub(crate) fn current(&self, id: &SessionId) -> Result<SessionId> {
        let mut current = id.clone();
        for _ in 0..HOPS {
            if self.has_session(&current)? {
                break;
            }
            match self.successor(&current)? {
                Some(next) => current = next,
                None => break,
            }
        }
        Ok(current)
    }

    fn load_forward(&self, id: &SessionId) -> Result<Option<Forward>> {
        match self.load(&forward_id(id)?) {
            Ok(Some(record)) => Ok(Forward::of(record)),
            Ok(None) | Err(Error::Corrupt(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Stores the forwarding record of a session's id before it gets another one.
    pub(crate) fn store_forward(
        &self,
        old: &Record,
        before: &State,
        by: &SessionId,
        reason: Reason,
        now: Instant,
    ) -> Result<()> {
        let grace = self.configuration.grace_window;
        let idle = self.configuration.idle_timeout.unwrap_or(WATCH);
        let until = now.saturating_add(self.in_flight());
        let follows = reason == Reason::Due;
        // With the session's data only where requests may see it.
        let shown = if follows || grace == 0 { State::default() } else { before.clone() };
        let forward = State {
            secret: before.secret.clone(),
            more: More { replaced: Some(Replaced { by: by.as_str().into(), until }), ..shown.more },
            succession: Succession { cookie: before.succession.cookie, follows },
            ..shown
        };
        let contents = Contents {
            data: forward.encode()?,
            // The session belongs to its user, a forwarding record to no one.
            owner: None,
            idle_timeout: follows.then_some(idle),
            deadline: if follows { old.contents.deadline } else { Some(until.saturating_add(idle)) },
        };
        self.write_forward(&forward_id(&old.id)?, contents)
    }

    fn write_forward(&self, id: &SessionId, contents: Contents) -> Result<()> {
        match timed(&self.events, Operation::Create, || self.store.create(id, contents.clone())) {
            // Left by an earlier, failed renewal.
            Err(Error::AlreadyExists) => {
                timed(&self.events, Operation::Save, || self.store.save(id, contents, None)).map(drop)
            }
            result => result.map(drop),
        }
    }

    /// Makes an old cookie lead directly to the newest id, however many responses were lost before.
    pub(crate) fn redirect_old(&self, via: &SessionId, to: &SessionId) -> Result<()> {
        let mut guard = self.lock(&forward_id(via)?)?;
        let Some(record) = timed(&self.events, Operation::Load, || guard.load())? else { return Ok(()) };
        let mut state = State::decode(&record.contents.data)?;
        if let Some(replaced) = &mut state.more.replaced {
            replaced.by = to.as_str().into();
        }
        let contents = Contents { data: state.encode()?, ..record.contents };
        timed(&self.events, Operation::Save, || guard.save(contents, Some(record.version))).map(drop)
    }

    /// Records that an old cookie is in use, like its session.
    pub(crate) fn touch_forward(&self, via: &SessionId) -> Result<()> {
        let id = forward_id(via)?;
        timed(&self.events, Operation::Touch, || self.store.touch(&id))
    }

    /// Deletes a forwarding record: the session keeps its id.
    pub(crate) fn delete_forward(&self, id: &SessionId) -> Result<()> {
        let id = forward_id(id)?;
        timed(&self.events, Operation::Delete, || self.store.delete(&id)).map(drop)
    }
}

fn forward_id(id: &SessionId) -> Result<SessionId> {
    SessionId::derive("old", id.as_str())
}

fn decoded(record: Record) -> Option<(Record, State)> {
    let state = State::decode(&record.contents.data).ok()?;
    Some((record, state))
}
