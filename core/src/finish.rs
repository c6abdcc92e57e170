//! The end of a request: storing what changed, once, or nothing.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::cookie::HeaderField;
use crate::credential::Credential;
use crate::error::Result;
use crate::events::{Event, Operation, timed};
use crate::manager::Manager;
use crate::session::{Access, Session, Stored};
use crate::state::State;
use crate::store::{Backend, Contents, Instant, Record, SessionGuard};
use crate::{Error, SessionId};

/// How often a new id is tried. One is taken only if the random generator repeats itself.
const ATTEMPTS: usize = 3;

/// What finishing a request needs from outside.
struct End<'a> {
    now: Instant,
    random: &'a mut dyn FnMut() -> [u8; 16],
}

impl<S: Backend> Manager<S> {
    /// End a request that succeeded: store what changed, complete a logout. `random` gives 16 bytes of a
    /// cryptographic generator at each call.
    pub fn finish_successful_request(
        &self,
        mut session: Session<S::Guard>,
        now: Instant,
        random: &mut dyn FnMut() -> [u8; 16],
    ) -> Result<Vec<HeaderField>> {
        if session.access == Access::ReadOnly {
            return Ok(Vec::new());
        }
        let mut end = End { now, random };
        let Some(stored) = session.stored.take() else {
            return self.create(&session, &mut end);
        };
        let is_changed = session.ending || session.renewing || !session.changes.is_empty();
        if is_changed {
            return self.store_changes(&mut session, &stored, &mut end);
        }
        if self.is_renewal_due(&session, now) || session.base.more.unreturned {
            // The request wanted nothing of it: that somebody else was here first is none of its business.
            return match self.store_changes(&mut session, &stored, &mut end) {
                Err(Error::Gone | Error::Conflict(_) | Error::Busy) => Ok(Vec::new()),
                answer => answer,
            };
        }
        // The touch takes the lock that the guard holds.
        drop(session.guard.take());
        self.note_use(&stored, session.last_active, now)?;
        Ok(Vec::new())
    }

    /// End a request that failed: nothing is stored, a logout is not done.
    pub fn finish_failed_request(&self, session: Session<S::Guard>) -> Vec<HeaderField> {
        drop(session);
        Vec::new()
    }

    /// Store a new session, if there is something to keep.
    fn create(&self, session: &Session<S::Guard>, end: &mut End) -> Result<Vec<HeaderField>> {
        let mut state = session.base.clone();
        self.apply(session, &mut state, end.now);
        if session.ending || !state.has_info() {
            return Ok(Vec::new());
        }
        state.more.unreturned = self.configuration.unreturned_timeout.is_some();
        self.admit(session.client.address.as_deref(), state.encode()?.len(), end.now)?;
        match state.user.clone() {
            Some(user) => self.within_cap(&user, || self.create_as(&mut state, end)),
            None => self.create_as(&mut state, end),
        }
    }

    fn create_as(&self, state: &mut State, end: &mut End) -> Result<Vec<HeaderField>> {
        let deadline = self.deadline(state, end.now);
        for _ in 0..ATTEMPTS {
            let credential = Credential::generate(end.random);
            state.secret = credential.hash();
            let contents = self.contents(state, deadline)?;
            match timed(&self.store, Operation::Create, || self.store.create(&credential.id, contents)) {
                Ok(_) => {
                    if state.user.is_some() {
                        self.store.tell(Some(&credential.id), Event::Login);
                    }
                    return Ok(self.cookie(&credential, state, deadline, end.now));
                }
                Err(Error::AlreadyExists) => {}
                Err(error) => return Err(error),
            }
        }
        Err(Error::AlreadyExists)
    }

    /// Note that a session is in use, if the last note is too old. That it has ended meanwhile is no failure of a
    /// request that wanted nothing stored.
    fn note_use(&self, stored: &Stored, last_active: Instant, now: Instant) -> Result<()> {
        let Some(idle) = stored.idle_timeout else {
            return Ok(());
        };
        if now.abs_diff(last_active) < self.configuration.resolution(idle) {
            return Ok(());
        }
        match timed(&self.store, Operation::Touch, || self.store.touch(&stored.id)) {
            Err(Error::Gone) => Ok(()),
            result => result,
        }
    }

    /// Store the changes of a request, under the lock.
    fn store_changes(
        &self,
        session: &mut Session<S::Guard>,
        stored: &Stored,
        end: &mut End,
    ) -> Result<Vec<HeaderField>> {
        let mut guard = match session.guard.take() {
            Some(guard) => guard,
            None => self.store.lock(&stored.id)?,
        };
        if session.ending {
            return self.log_out(&mut guard, stored, session.base.user.is_some());
        }
        let answer = self.update(session, stored, guard, end);
        if matches!(answer, Err(Error::Conflict(_))) {
            self.store.tell(Some(&stored.id), Event::Conflict);
        }
        answer
    }

    fn log_out(&self, guard: &mut S::Guard, stored: &Stored, was_logged_in: bool) -> Result<Vec<HeaderField>> {
        timed(&self.store, Operation::Delete, || guard.delete())?;
        if was_logged_in {
            self.store.tell(Some(&stored.id), Event::Logout);
        }
        let mut fields = self.configuration.cookie.revoke();
        fields.extend(self.configuration.cookie.forget(true));
        Ok(fields)
    }

    fn update(
        &self,
        session: &Session<S::Guard>,
        stored: &Stored,
        mut guard: S::Guard,
        end: &mut End,
    ) -> Result<Vec<HeaderField>> {
        let renewing = session.renewing || session.changes.renews() || self.is_renewal_due(session, end.now);

        // Nearly always nobody else was here, and one save does it.
        if !renewing && session.has_info() {
            let mut state = session.base.clone();
            self.apply(session, &mut state, end.now);
            match self.save(&mut guard, &self.contents(&state, stored.deadline)?, stored.version) {
                Err(Error::Conflict(_)) => {}
                result => return result.map(|_| Vec::new()),
            }
        }

        let newest = timed(&self.store, Operation::Load, || guard.load())?.ok_or(Error::Gone)?;
        let mut before = State::decode(&newest.contents.data)?;
        if !before.secret.is(&session.base.secret) {
            return Err(Error::Gone);
        }
        // To the request, they had vanished when it began.
        before.vanish(session.started);
        if newest.version != stored.version && session.changes.conflict(&session.reads, &session.base, &before) {
            return Err(Error::Conflict(newest.version));
        }
        let mut state = before.clone();
        self.apply(session, &mut state, end.now);
        if !state.has_info() {
            return self.log_out(&mut guard, stored, before.user.is_some());
        }
        let starts_anew = session.changes.authenticates() || state.more.remembered != before.more.remembered;
        let deadline = if starts_anew { self.deadline(&state, end.now) } else { newest.contents.deadline };
        if !renewing {
            self.save(&mut guard, &self.contents(&state, deadline)?, newest.version)?;
            return Ok(Vec::new());
        }
        let logs_in = session.changes.user_change().flatten().map(String::from);
        let mut renewal = Renewal { newest: &newest, before: &before, state, deadline };
        match &logs_in {
            Some(user) => self.within_cap(user, || self.regenerate(guard, &mut renewal, end)),
            None => self.regenerate(guard, &mut renewal, end),
        }
    }

    /// Store a session under a new id with a new secret.
    ///
    /// The save comes first. It is what can fail (the data may be too large, the disk full), and then nothing has
    /// happened. From then on the old secret is worthless and the new one, bound to the new id, not yet good: if
    /// everything ends here, the client must log in again, and nobody has what is not his.
    fn regenerate(&self, mut guard: S::Guard, renewal: &mut Renewal, end: &mut End) -> Result<Vec<HeaderField>> {
        let Renewal { newest, before, state, deadline } = renewal;
        let mut version = newest.version;
        let mut failure = Error::AlreadyExists;
        for _ in 0..ATTEMPTS {
            let credential = Credential::generate(end.random);
            self.keep_old(newest, before, &credential.id, end.now)?;
            state.secret = credential.hash();
            state.more.renewed = self.configuration.renewal_interval.map(|_| end.now);
            let contents = self.contents(state, *deadline)?;
            let renamed = self.save(&mut guard, &contents, version).and_then(|saved| {
                version = saved;
                timed(&self.store, Operation::Rename, || guard.rename(&credential.id))
            });
            failure = match renamed {
                Ok(()) => {
                    self.tell_renewal(&newest.id, &credential.id, before, state);
                    let mut fields = self.cookie(&credential, state, *deadline, end.now);
                    if before.user.is_some() && state.user.is_none() {
                        fields.extend(self.configuration.cookie.forget(false));
                    }
                    return Ok(fields);
                }
                Err(error) => error,
            };
            if failure != Error::AlreadyExists {
                break;
            }
        }
        let undo = version != newest.version && !matches!(failure, Error::Gone | Error::OutcomeUnknown(_));
        if undo && let Err(error) = self.save(&mut guard, &newest.contents, version) {
            return Err(Error::OutcomeUnknown(format!(
                "the session could get no new id ({failure}) and now has no cookie either ({error})"
            )));
        }
        Err(failure)
    }

    fn tell_renewal(&self, old: &SessionId, new: &SessionId, before: &State, after: &State) {
        self.store.tell(Some(old), Event::Renewed(new.clone()));
        if before.user != after.user {
            if before.user.is_some() {
                self.store.tell(Some(new), Event::Logout);
            }
            if after.user.is_some() {
                self.store.tell(Some(new), Event::Login);
            }
        }
    }

    /// Apply what a request has done, and what follows from that.
    fn apply(&self, session: &Session<S::Guard>, state: &mut State, now: Instant) {
        session.changes.apply(state);
        state.more.unreturned = false;
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

    fn is_renewal_due(&self, session: &Session<S::Guard>, now: Instant) -> bool {
        let since = session.base.more.renewed.unwrap_or(session.created());
        self.configuration.renewal_interval.is_some_and(|interval| now.abs_diff(since) >= interval)
    }

    fn save(&self, guard: &mut S::Guard, contents: &Contents, expected: u64) -> Result<u64> {
        timed(&self.store, Operation::Save, || guard.save(contents, Some(expected)))
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

/// A session that is to get a new id.
struct Renewal<'a> {
    newest: &'a Record,
    before: &'a State,
    state: State,
    deadline: Option<Instant>,
}
