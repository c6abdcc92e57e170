//! The end of a request: storing what changed, once, or nothing.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::cookie::HeaderField;
use crate::credential::Credential;
use crate::error::Result;
use crate::events::{Event, Events, Operation, timed};
use crate::manager::Manager;
use crate::session::{Access, Session, Shown, Stored, Via};
use crate::state::{Cookie, State, Succession};
use crate::store::{Contents, Guard, Instant, Record, Store};
use crate::succession::{HOPS, Why};
use crate::{Error, SessionId};

/// How often a new id is tried. One is taken only if the random generator repeats itself.
const ATTEMPTS: usize = 3;

/// What finishing a request needs from outside.
struct End<'a> {
    now: Instant,
    random: &'a mut dyn FnMut() -> [u8; 16],
}

impl<S: Store, E: Events> Manager<S, E> {
    /// End a request that succeeded: store what changed, complete a logout. `random` gives 16 bytes of a
    /// cryptographic generator at each call.
    pub fn finish_successful_request(
        &self,
        mut session: Session<S::Guard>,
        now: Instant,
        random: &mut dyn FnMut() -> [u8; 16],
    ) -> Result<Vec<HeaderField>> {
        let stored = session.stored.take();
        let is_of_session = stored.is_some();
        let mut fields = self.finish(session, stored, &mut End { now, random })?;
        if is_of_session && fields.is_empty() {
            fields.extend(self.configuration.cookie.keep_private());
        }
        Ok(fields)
    }

    /// End a request that failed: nothing is stored, a logout is not done.
    pub fn finish_failed_request(&self, session: Session<S::Guard>) -> Vec<HeaderField> {
        match session.stored {
            Some(_) => self.configuration.cookie.keep_private().into(),
            None => Vec::new(),
        }
    }

    fn finish(
        &self,
        mut session: Session<S::Guard>,
        stored: Option<Stored>,
        end: &mut End,
    ) -> Result<Vec<HeaderField>> {
        if session.ending && session.shown.endable().next().is_some() {
            return self.log_out_of(&session.shown, end.now);
        }
        if session.access == Access::ReadOnly {
            return Ok(Vec::new());
        }
        let Some(mut stored) = stored else {
            return self.create(&session, end);
        };
        if let Some(via) = &session.shown.via {
            self.note_use_of_old(via, &stored, end.now);
        }
        if session.ending || session.renewing || !session.changes.is_empty() {
            return self.store_changes(&mut session, &mut stored, end);
        }
        if self.is_renewal_due(&session.base, session.created(), end.now) || self.is_back(&session) {
            // The request wanted nothing of it: that somebody else was here first is none of its business, nor that the
            // disk does not take it.
            return match self.store_changes(&mut session, &mut stored, end) {
                Err(Error::Gone | Error::Conflict(_) | Error::Busy) => Ok(Vec::new()),
                Err(_) => Ok(self.not_noted(&stored.id)),
                answer => answer,
            };
        }
        // The touch takes the lock that the guard holds.
        drop(session.guard.take());
        self.note_use(&session, &stored, end.now);
        Ok(Vec::new())
    }

    /// Store a new session, if there is something to keep.
    fn create(&self, session: &Session<S::Guard>, end: &mut End) -> Result<Vec<HeaderField>> {
        let mut state = session.base.clone();
        self.apply(session, &mut state, end.now);
        if session.ending || !state.has_info() {
            return Ok(Vec::new());
        }
        // The answer may reach the browser after that of the login, and must not take its cookie away.
        if session.shown.replaced.is_some() && state.user.is_none() {
            return Err(Error::Gone);
        }
        state.more.unreturned = self.configuration.unreturned_timeout.is_some();
        self.admit(session.client.address.as_deref(), state.encode()?.len(), end.now)?;
        if state.user.is_some() {
            // With them the new session would be one of several again.
            for id in &session.shown.rivals {
                self.end_session(id)?;
            }
        }
        let mut fields = self.sweep(session);
        fields.extend(match state.user.clone() {
            Some(user) => self.within_cap(&user, || self.create_as(&mut state, end))?,
            None => self.create_as(&mut state, end)?,
        });
        Ok(fields)
    }

    fn create_as(&self, state: &mut State, end: &mut End) -> Result<Vec<HeaderField>> {
        let deadline = self.deadline(state, end.now);
        for _ in 0..ATTEMPTS {
            let credential = Credential::generate(end.random);
            state.secret = credential.hash();
            let contents = self.contents(state, deadline)?;
            match timed(&self.events, Operation::Create, || self.store.create(&credential.id, contents)) {
                Ok(_) => {
                    if state.user.is_some() {
                        self.events.tell(Some(&credential.id), Event::Login);
                    }
                    return Ok(self.cookie(&credential, state, deadline, end.now));
                }
                Err(Error::AlreadyExists) => {}
                Err(error) => return Err(error),
            }
        }
        Err(Error::AlreadyExists)
    }

    /// Note that a session is in use, if the last note is too old. That it has ended meanwhile, or that the disk does not
    /// take it, is no failure of a request that wanted nothing stored.
    fn note_use(&self, session: &Session<S::Guard>, stored: &Stored, now: Instant) {
        let is_due = |idle| now.abs_diff(session.last_active) >= self.configuration.resolution(idle);
        if !stored.idle_timeout.is_some_and(is_due) {
            return;
        }
        match timed(&self.events, Operation::Touch, || self.store.touch(&stored.id)) {
            Ok(()) | Err(Error::Gone) => {}
            Err(_) => drop(self.not_noted(&stored.id)),
        }
    }

    /// An old cookie in use lives as long as its session.
    fn note_use_of_old(&self, via: &Via, stored: &Stored, now: Instant) {
        let idle = stored.idle_timeout.or(self.configuration.idle_timeout);
        let is_due = idle.is_none_or(|idle| now.abs_diff(via.noted) >= self.configuration.resolution(idle));
        if is_due && !matches!(self.touch_old(&via.id), Ok(()) | Err(Error::Gone)) {
            self.not_noted(&stored.id);
        }
    }

    /// A page view is answered though nothing of it could be stored.
    fn not_noted(&self, id: &SessionId) -> Vec<HeaderField> {
        self.events.tell(Some(id), Event::TouchFailed);
        Vec::new()
    }

    /// Store the changes of a request. What began under one id ends under the one that the session has by then.
    fn store_changes(
        &self,
        session: &mut Session<S::Guard>,
        stored: &mut Stored,
        end: &mut End,
    ) -> Result<Vec<HeaderField>> {
        let mut guard = session.guard.take();
        for _ in 0..=HOPS {
            let answer = if session.ending {
                self.log_out(guard.take().as_mut(), session, &stored.id, session.base.user.is_some())
            } else {
                self.update(session, stored, guard.take(), end)
            };
            match answer {
                Err(Error::Gone) => {}
                Err(Error::Conflict(version)) => {
                    self.events.tell(Some(&stored.id), Event::Conflict);
                    return Err(Error::Conflict(version));
                }
                answer => return answer,
            }
            match self.successor(&stored.id)? {
                Some(next) => (stored.id, stored.renamed) = (next, true),
                // Somebody else has ended it.
                None if session.ending => return Ok(self.revoke(session, session.base.user.is_some())),
                None => return Err(Error::Gone),
            }
        }
        Err(Error::Busy)
    }

    /// End a session. [`Gone`](Error::Gone) when it is not there, or not any more under this id.
    fn log_out(
        &self,
        guard: Option<&mut S::Guard>,
        session: &Session<S::Guard>,
        id: &SessionId,
        was_logged_in: bool,
    ) -> Result<Vec<HeaderField>> {
        let delete = || match guard {
            Some(guard) => guard.delete(),
            None => self.store.delete(id),
        };
        if !timed(&self.events, Operation::Delete, delete)? {
            return Err(Error::Gone);
        }
        if was_logged_in {
            self.events.tell(Some(id), Event::Logout);
        }
        Ok(self.revoke(session, was_logged_in))
    }

    /// End what a client may end though it may not use it.
    fn log_out_of(&self, shown: &Shown, now: Instant) -> Result<Vec<HeaderField>> {
        for id in shown.endable() {
            let mut was_logged_in = false;
            let look = |id: &SessionId| {
                // It ends as well when it cannot be read.
                was_logged_in = match self.inspect_session(id, now) {
                    Err(Error::Corrupt(_)) => false,
                    found => found?.is_some_and(|mut session| session.user().is_some()),
                };
                Ok(false)
            };
            if self.end_unless(id, look)? && was_logged_in {
                self.events.tell(Some(id), Event::Logout);
            }
        }
        let mut fields = if shown.several { self.configuration.cookie.sweep() } else { Vec::new() };
        fields.extend(self.configuration.cookie.revoke());
        fields.extend(self.configuration.cookie.forget(true));
        Ok(fields)
    }

    fn revoke(&self, session: &Session<S::Guard>, was_logged_in: bool) -> Vec<HeaderField> {
        let mut fields = self.sweep(session);
        fields.extend(self.configuration.cookie.revoke());
        // Who has only read the last flash value has not logged out.
        fields.extend(self.configuration.cookie.forget(true).filter(|_| was_logged_in || session.ending));
        fields
    }

    /// Where a browser has several cookies of the name, take away those that can be reached.
    fn sweep(&self, session: &Session<S::Guard>) -> Vec<HeaderField> {
        if session.shown.several { self.configuration.cookie.sweep() } else { Vec::new() }
    }

    /// Save the session as this request leaves it. [`Gone`](Error::Gone) when it is not there, or not any more under this
    /// id.
    fn update(
        &self,
        session: &Session<S::Guard>,
        stored: &Stored,
        mut guard: Option<S::Guard>,
        end: &mut End,
    ) -> Result<Vec<HeaderField>> {
        let wants_renewal = session.renewing || session.changes.renews();

        // Nearly always nobody else was here, and one save does it: it needs no lock, for it names the version that the
        // changes were made to.
        let is_due = self.is_renewal_due(&session.base, session.created(), end.now);
        if !wants_renewal && !is_due && !stored.renamed && session.has_info() {
            let mut state = session.base.clone();
            self.apply(session, &mut state, end.now);
            let contents = self.contents(&state, stored.deadline)?;
            let save = || match &mut guard {
                Some(guard) => guard.save(contents, Some(stored.version)),
                None => self.store.save(&stored.id, contents, Some(stored.version)),
            };
            match timed(&self.events, Operation::Save, save) {
                Err(Error::Conflict(_)) => {}
                result => return result.map(|_| Vec::new()),
            }
        }

        let mut guard = match guard {
            Some(guard) => guard,
            None => self.lock(&stored.id)?,
        };
        let newest = timed(&self.events, Operation::Load, || guard.load())?.ok_or(Error::Gone)?;
        let mut before = State::decode(&newest.contents.data)?;
        // Another session, or another user's by now.
        let is_same =
            if stored.renamed { before.user == session.base.user } else { before.secret.is(&session.base.secret) };
        if !is_same {
            return Err(Error::Gone);
        }
        // To the request, they had vanished when it began.
        before.vanish(session.started);
        if newest.version != stored.version && session.changes.conflict(&session.reads, &session.base, &before) {
            return Err(Error::Conflict(newest.version));
        }
        // What this request would gain, the client that has got the newer cookie would have: it has to ask for it.
        if stored.renamed && session.changes.renews() {
            return Err(Error::Conflict(newest.version));
        }
        let mut state = before.clone();
        self.apply(session, &mut state, end.now);
        if !state.has_info() {
            return self.log_out(Some(&mut guard), session, &newest.id, before.user.is_some());
        }
        let starts_anew = session.changes.authenticates() || state.more.remembered != before.more.remembered;
        let deadline = if starts_anew { self.deadline(&state, end.now) } else { newest.contents.deadline };
        let why = if wants_renewal && !stored.renamed {
            Why::Privilege
        } else if self.is_renewal_due(&before, newest.created, end.now) {
            Why::Due
        } else {
            self.save(&mut guard, self.contents(&state, deadline)?, newest.version)?;
            return Ok(Vec::new());
        };
        let logs_in = session.changes.user_change().flatten().map(String::from);
        let mut renewal = Renewal { session, newest: &newest, before: &before, state, deadline, why };
        match &logs_in {
            Some(user) => self.within_cap(user, || self.regenerate(guard, &mut renewal, end)),
            None => self.regenerate(guard, &mut renewal, end),
        }
    }

    /// Store a session under a new id with a new secret.
    ///
    /// The save comes first. It is what can fail (the data may be too large, the disk full), and then nothing has
    /// happened. From then on the old secret is worthless by itself and the new one, bound to the new id, not yet good: if
    /// everything ends here after a login, the client must log in again, and nobody has what is not his.
    fn regenerate(
        &self,
        mut guard: S::Guard,
        renewal: &mut Renewal<S::Guard>,
        end: &mut End,
    ) -> Result<Vec<HeaderField>> {
        let mut version = renewal.newest.version;
        let mut failure = Error::AlreadyExists;
        for _ in 0..ATTEMPTS {
            let credential = Credential::generate(end.random);
            failure = match self.rename(&mut guard, &mut version, renewal, &credential, end.now) {
                Ok(()) => return Ok(self.renewed(renewal, &credential, end.now)),
                Err(error) => error,
            };
            if failure != Error::AlreadyExists {
                break;
            }
        }
        if matches!(failure, Error::Gone | Error::OutcomeUnknown(_)) {
            return Err(failure);
        }
        if version != renewal.newest.version
            && let Err(error) = self.save(&mut guard, renewal.newest.contents.clone(), version)
        {
            return Err(Error::OutcomeUnknown(format!(
                "the session could get no new id ({failure}) and now has no cookie either ({error})"
            )));
        }
        // What it leaves if it fails does no harm: the id is in use, and what is kept of it looked at by nobody.
        let _ = self.forget_old(&renewal.newest.id);
        Err(failure)
    }

    fn rename(
        &self,
        guard: &mut S::Guard,
        version: &mut u64,
        renewal: &mut Renewal<S::Guard>,
        credential: &Credential,
        now: Instant,
    ) -> Result<()> {
        let Renewal { session, newest, before, state, deadline, why } = renewal;
        self.keep_old(newest, &self.with_cookie_shown(session, before, now), &credential.id, *why, now)?;
        state.secret = credential.hash();
        state.more.renewed = self.configuration.renewal_interval.map(|_| now);
        let cookie = if *why == Why::Due { Cookie::Awaited } else { Cookie::Newest };
        state.succession = Succession { cookie, follows: false };
        *version = self.save(guard, self.contents(state, *deadline)?, *version)?;
        timed(&self.events, Operation::Rename, || guard.rename(&credential.id))
    }

    /// A session has its new id: tell who has to know.
    fn renewed(&self, renewal: &Renewal<S::Guard>, credential: &Credential, now: Instant) -> Vec<HeaderField> {
        let Renewal { session, newest, before, state, deadline, why } = renewal;
        if let Some(via) = &session.shown.via
            && *why == Why::Due
            && self.lead_on(&via.id, &credential.id).is_err()
        {
            // It still leads here, by one step more.
            self.events.tell(Some(&credential.id), Event::TouchFailed);
        }
        self.tell_renewal(&newest.id, &credential.id, before, state);
        let mut fields = self.sweep(session);
        fields.extend(self.cookie(credential, state, *deadline, now));
        if before.user.is_some() && state.user.is_none() {
            fields.extend(self.configuration.cookie.forget(false));
        }
        fields
    }

    fn tell_renewal(&self, old: &SessionId, new: &SessionId, before: &State, after: &State) {
        self.events.tell(Some(old), Event::Renewed(new.clone()));
        if before.user != after.user {
            if before.user.is_some() {
                self.events.tell(Some(new), Event::Logout);
            }
            if after.user.is_some() {
                self.events.tell(Some(new), Event::Login);
            }
        }
    }

    /// Apply what a request has done, and what follows from that.
    fn apply(&self, session: &Session<S::Guard>, state: &mut State, now: Instant) {
        session.changes.apply(state);
        state.more.unreturned = false;
        note_cookie(session, state, now);
        if session.is_of_this_client() {
            state.remote_address.clone_from(&session.client.address);
            state.more.user_agent.clone_from(&session.client.user_agent);
        }
        if state.user.is_none() {
            state.more.authenticated = None;
        } else if session.changes.authenticates() {
            state.more.authenticated = Some(now);
        }
    }

    /// Whether a session gets a new id because it is time.
    fn is_renewal_due(&self, state: &State, created: Instant, now: Instant) -> bool {
        let since = state.more.renewed.unwrap_or(created);
        self.configuration.renewal_interval.is_some_and(|interval| now.abs_diff(since) >= interval)
    }

    /// Whether the client comes for the first time with the cookie that it was given.
    fn is_back(&self, session: &Session<S::Guard>) -> bool {
        let is_awaited = session.base.succession.cookie == Cookie::Awaited && session.shown.via.is_none();
        session.base.more.unreturned || is_awaited
    }

    /// The state of a session, with its newest cookie shown if the request shows it.
    fn with_cookie_shown(&self, session: &Session<S::Guard>, state: &State, now: Instant) -> State {
        let mut state = state.clone();
        note_cookie(session, &mut state, now);
        state
    }

    fn save(&self, guard: &mut S::Guard, contents: Contents, expected: u64) -> Result<u64> {
        timed(&self.events, Operation::Save, || guard.save(contents, Some(expected)))
    }

    fn contents(&self, state: &State, deadline: Option<Instant>) -> Result<Contents> {
        let idle = if state.more.remembered { None } else { self.configuration.idle_timeout };
        let unreturned = self.configuration.unreturned_timeout.filter(|_| state.more.unreturned);
        Ok(Contents {
            data: state.encode()?,
            owner: state.user.clone(),
            idle_timeout: [idle, unreturned].into_iter().flatten().min(),
            deadline,
        })
    }

    fn deadline(&self, state: &State, now: Instant) -> Option<Instant> {
        let remembered = state.more.remembered.then_some(self.configuration.remember_timeout);
        remembered.or(self.configuration.absolute_timeout).map(|timeout| now.saturating_add(timeout))
    }

    fn cookie(
        &self,
        credential: &Credential,
        state: &State,
        deadline: Option<Instant>,
        now: Instant,
    ) -> Vec<HeaderField> {
        let lasts = deadline.filter(|_| state.more.remembered);
        self.configuration.cookie.set(credential, lasts.map(|deadline| deadline.saturating_sub(now) / 1000))
    }
}

/// The client has come with the cookie that was awaited: from now on, the one before is an old one. Not if the session
/// has got yet another since the request began.
fn note_cookie<G>(session: &Session<G>, state: &mut State, now: Instant) {
    let is_newest = session.shown.via.is_none() && session.base.secret.is(&state.secret);
    if is_newest && state.succession.cookie == Cookie::Awaited {
        state.succession.cookie = Cookie::Taken(now);
    }
}

/// A session that is to get a new id.
struct Renewal<'a, G> {
    session: &'a Session<G>,
    newest: &'a Record,
    before: &'a State,
    state: State,
    deadline: Option<Instant>,
    why: Why,
}
