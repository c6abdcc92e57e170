//! What an old cookie finds when its session has a new id.
//!
//! Before a session gets a new id, a record is kept of the old one, under an id that is made of it: which session goes
//! on, and what the old secret was. So an old cookie can be told from a stranger's, whoever knows a session by its old
//! id finds it, and what began under the old id ends under the new one.
//!
//! What an old cookie is worth depends on why there is a new one. Where it was only time for it, the old one is as good
//! until the client has shown the new one, as with refresh tokens (RFC 9700, section 4.14.2): an answer that is lost on
//! its way logs nobody out. Where the session has become worth more, by a login say, it is not: whoever planted the old
//! cookie must not get what the login brought. Requests that were under way may see such a session as it was, and end it.

use crate::SessionId;
use crate::credential::Credential;
use crate::error::{Error, Result};
use crate::events::{Events, Operation, timed};
use crate::manager::Manager;
use crate::state::{Cookie, More, Replaced, State, Succession};
use crate::store::{Contents, Guard, Instant, Milliseconds, Record, Store};

/// How long the use of an old cookie is noticed when there is no idle timeout.
const WATCH: Milliseconds = 30 * 60 * 1000;

/// How long a request and its answer are under way, at most, when no grace window says so: the time-out of most proxies.
const UNDER_WAY: Milliseconds = 60 * 1000;

/// How many new ids are followed. Each is one that a session got while a request was under way.
pub(crate) const HOPS: usize = 8;

/// What an old cookie finds.
pub(crate) enum Old {
    /// The session, as if the cookie were its newest; and when this use of the old one was last noted.
    Good(Record, State, Instant),
    /// The session as it was, now under this record's id: the request was under way.
    Late(Record, State),
    /// Nothing, but it was replaced only a moment ago, by this session.
    Replaced(SessionId),
    /// Nothing: its session has gone on without it.
    Dead,
    /// It is none.
    Unknown,
}

/// Why a session gets a new id.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Why {
    /// It was time.
    Due,
    /// It is worth more now, or belongs to somebody else.
    Privilege,
}

/// What was kept of an old id.
struct Kept {
    /// The session's next id.
    by: SessionId,
    /// When it got that.
    at: Instant,
    /// When the old cookie was last used.
    noted: Instant,
    /// Requests that come with the old cookie before this were under way.
    until: Instant,
    state: State,
}

impl Kept {
    fn of(record: Record) -> Option<Self> {
        let (Record { modified, last_active, .. }, state) = decoded(record)?;
        let replaced = state.more.replaced.as_ref()?;
        let by = SessionId::parse(&replaced.by).ok()?;
        Some(Self { by, at: modified, noted: last_active, until: replaced.until, state })
    }

    /// When the new id ended what the old cookie was worth; none when it did not.
    fn closed(&self) -> Option<Instant> {
        (!self.state.succession.follows).then_some(self.at)
    }
}

/// Where a session is that had another id.
struct Trace {
    record: Record,
    state: State,
    /// When the old cookie stopped being as good as the new one; none while it is.
    closed: Option<Instant>,
}

impl<S: Store, E: Events> Manager<S, E> {
    /// Look for what a session is now that had this cookie.
    pub(crate) fn find_old(&self, credential: &Credential, now: Instant) -> Result<Old> {
        let Some(kept) = self.load_old(&credential.id)?.filter(|kept| kept.state.secret.is(&credential.hash())) else {
            return Ok(Old::Unknown);
        };
        let Some(Trace { record, state, closed }) = self.trace(&credential.id, &kept, now)? else {
            let was_good = kept.state.succession.follows || self.is_under_way(kept.at, now);
            return Ok(if was_good { Old::Unknown } else { Old::Dead });
        };
        Ok(match closed {
            None => Old::Good(record, state, kept.noted),
            Some(_) if self.is_shown(&kept, &state, now) => Old::Late(record, kept.state),
            Some(at) if self.is_under_way(at, now) => Old::Replaced(record.id),
            Some(_) => Old::Dead,
        })
    }

    /// Whether requests with the old cookie see what was kept. Nobody sees a user who has since logged out.
    fn is_shown(&self, kept: &Kept, current: &State, now: Instant) -> bool {
        let grace = self.configuration.grace_window;
        // A clock that was stepped back opens no window a second time: it is no longer than it ever was.
        let is_late = now < kept.until && now.saturating_add(grace) >= kept.until;
        let is_of_current = kept.state.user.is_none() || kept.state.user == current.user;
        !kept.state.succession.follows && is_late && is_of_current
    }

    /// Whether a request may have been sent before this moment, and still be here.
    fn is_under_way(&self, since: Instant, now: Instant) -> bool {
        since <= now && now - since < self.under_way()
    }

    fn under_way(&self) -> Milliseconds {
        if self.configuration.grace_window == 0 { UNDER_WAY } else { self.configuration.grace_window }
    }

    /// Follow a session from what was kept of an old id to where it is; none when it has ended.
    fn trace(&self, from: &SessionId, first: &Kept, now: Instant) -> Result<Option<Trace>> {
        let mut closed = first.closed();
        let (mut last, mut next) = (from.clone(), first.by.clone());
        for _ in 0..HOPS {
            if let Some((record, state)) = self.load(&next)?.and_then(decoded) {
                let closed = closed.or_else(|| self.taken(&state, now));
                return Ok(Some(Trace { record, state, closed }));
            }
            let Some(kept) = self.load_old(&next)? else { break };
            closed = closed.or_else(|| self.taken(&kept.state, now)).or_else(|| kept.closed());
            last = core::mem::replace(&mut next, kept.by);
        }
        // While it is getting its new id, it still has the last one.
        let found = self.load(&last)?.and_then(decoded);
        Ok(found.map(|(record, state)| Trace { record, state, closed }))
    }

    /// When the cookie before that of this session stopped being good.
    fn taken(&self, state: &State, now: Instant) -> Option<Instant> {
        match state.succession.cookie {
            Cookie::Awaited => None,
            Cookie::Taken(at) => {
                let open = at <= now && now - at < self.configuration.grace_window;
                (!open).then_some(at)
            }
            Cookie::Newest => Some(0),
        }
    }

    /// The id that a session got which had this one; none when it got none.
    pub(crate) fn successor(&self, id: &SessionId) -> Result<Option<SessionId>> {
        Ok(self.load_old(id)?.map(|kept| kept.by))
    }

    /// The id that a session has which had this one: this one, if it knows of no other.
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

    fn load_old(&self, id: &SessionId) -> Result<Option<Kept>> {
        match self.load(&kept_id(id)?) {
            Ok(Some(record)) => Ok(Kept::of(record)),
            Ok(None) | Err(Error::Corrupt(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Keep what is needed of a session's id before it gets another one.
    pub(crate) fn keep_old(&self, old: &Record, before: &State, by: &SessionId, why: Why, now: Instant) -> Result<()> {
        let grace = self.configuration.grace_window;
        let idle = self.configuration.idle_timeout.unwrap_or(WATCH);
        let until = now.saturating_add(self.under_way());
        let follows = why == Why::Due;
        // Its data only where somebody may see it.
        let shown = if follows || grace == 0 { State::default() } else { before.clone() };
        let kept = State {
            secret: before.secret.clone(),
            more: More { replaced: Some(Replaced { by: by.as_str().into(), until }), ..shown.more },
            succession: Succession { cookie: before.succession.cookie, follows },
            ..shown
        };
        let contents = Contents {
            data: kept.encode()?,
            // The session is its user's, and this is only what it was.
            owner: None,
            idle_timeout: follows.then_some(idle),
            deadline: if follows { old.contents.deadline } else { Some(until.saturating_add(idle)) },
        };
        self.write_old(&kept_id(&old.id)?, contents)
    }

    fn write_old(&self, id: &SessionId, contents: Contents) -> Result<()> {
        match timed(&self.events, Operation::Create, || self.store.create(id, contents.clone())) {
            // An attempt to get a new id failed before.
            Err(Error::AlreadyExists) => {
                timed(&self.events, Operation::Save, || self.store.save(id, contents, None)).map(drop)
            }
            result => result.map(drop),
        }
    }

    /// Have an old cookie lead to the newest id at once, however many answers were lost before.
    pub(crate) fn lead_on(&self, via: &SessionId, to: &SessionId) -> Result<()> {
        let mut guard = self.lock(&kept_id(via)?)?;
        let Some(record) = timed(&self.events, Operation::Load, || guard.load())? else { return Ok(()) };
        let mut state = State::decode(&record.contents.data)?;
        if let Some(replaced) = &mut state.more.replaced {
            replaced.by = to.as_str().into();
        }
        let contents = Contents { data: state.encode()?, ..record.contents };
        timed(&self.events, Operation::Save, || guard.save(contents, Some(record.version))).map(drop)
    }

    /// Note that an old cookie is in use, as its session is.
    pub(crate) fn touch_old(&self, via: &SessionId) -> Result<()> {
        let id = kept_id(via)?;
        timed(&self.events, Operation::Touch, || self.store.touch(&id))
    }

    /// The session keeps its id after all.
    pub(crate) fn forget_old(&self, id: &SessionId) -> Result<()> {
        let id = kept_id(id)?;
        timed(&self.events, Operation::Delete, || self.store.delete(&id)).map(drop)
    }
}

fn kept_id(id: &SessionId) -> Result<SessionId> {
    SessionId::derive("old", id.as_str())
}

fn decoded(record: Record) -> Option<(Record, State)> {
    let state = State::decode(&record.contents.data).ok()?;
    Some((record, state))
}
