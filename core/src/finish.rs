//! The end of a request: stores its changes in one save, or nothing.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::cookie::HeaderField;
use crate::credential::Credential;
use crate::error::Result;
use crate::events::{Event, Events, Operation, timed};
use crate::manager::Manager;
use crate::session::{Access, Presented, Session, Stored, Via};
use crate::state::{Cookie, State, Succession};
use crate::store::{Contents, Guard, Instant, Record, Store};
use crate::succession::{HOPS, Reason};
use crate::{Error, SessionId};

/// Maximum attempts to generate an unused id. One is taken only if the random generator repeats itself.
const ATTEMPTS: usize = 3;

/// The inputs for finishing a request.
struct Context<'a> {
    now: Instant,
    random: &'a mut dyn FnMut() -> [u8; 16],
}

impl<S: Store, E: Events> Manager<S, E> {
    /// Ends a request that succeeded: stores its changes, completes a logout. Each call of `random` returns 16 bytes of
    /// a cryptographic generator.
    pub fn finish_successful_request(
        &self,
        mut session: Session<S::Guard>,
        now: Instant,
        random: &mut dyn FnMut() -> [u8; 16],
    ) -> Result<Vec<HeaderField>> {
        let stored = session.stored.take();
        let is_of_session = stored.is_some();
        let mut fields = self.finish(session, stored, &mut Context { now, random })?;
        if is_of_session && fields.is_empty() {
            fields.extend(self.configuration.cookie.keep_private());
        }
        Ok(fields)
    }

    /// Ends a request that failed: stores nothing, does not log out.
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
        context: &mut Context,
    ) -> Result<Vec<HeaderField>> {
        if session.ending && session.presented.endable().next().is_some() {
            return self.log_out_presented(&session.presented, context.now);
        }
        if session.access == Access::ReadOnly {
            return Ok(Vec::new());
        }
        let Some(mut stored) = stored else {
            return self.create(&session, context);
        };
        if let Some(via) = &session.presented.via {
            self.touch_old_cookie(via, &stored, context.now);
        }
        if session.ending || session.renewing || !session.changes.is_empty() {
            return self.store_changes(&mut session, &mut stored, context);
        }
        if self.is_renewal_due(&session.base, session.created(), context.now) || self.is_first_return(&session) {
            // The request did not ask for this, so a concurrent change or a failing disk does not fail it.
            return match self.store_changes(&mut session, &mut stored, context) {
                Err(Error::Gone | Error::Conflict(_) | Error::Busy) => Ok(Vec::new()),
                Err(_) => Ok(self.touch_failed(&stored.id)),
                result => result,
            };
        }
        // The touch would wait for the guard.
        drop(session.guard.take());
        self.touch(&session, &stored, context.now);
        Ok(Vec::new())
    }

    /// Stores a new session, if there is something to keep.
    fn create(&self, session: &Session<S::Guard>, context: &mut Context) -> Result<Vec<HeaderField>> {
        let mut state = session.base.clone();
        self.apply(session, &mut state, context.now);
        if session.ending || !state.has_info() {
            return Ok(Vec::new());
        }
        // The response may reach the browser after that of the login, and must not replace its cookie.
        if session.presented.replaced.is_some() && state.user.is_none() {
            return Err(Error::Gone);
        }
        state.more.unconfirmed = self.configuration.unconfirmed_timeout.is_some();
        self.admit(session.client.address.as_deref(), state.encode()?.len(), context.now)?;
        if state.user.is_some() {
            // Otherwise the new session would be one of several again.
            for id in &session.presented.rivals {
                self.end_session(id)?;
            }
        }
        let mut fields = self.sweep(session);
        fields.extend(match state.user.clone() {
            Some(user) => self.within_cap(&user, || self.create_as(&mut state, context))?,
            None => self.create_as(&mut state, context)?,
        });
        Ok(fields)
    }

    fn create_as(&self, state: &mut State, context: &mut Context) -> Result<Vec<HeaderField>> {
        let deadline = self.deadline(state, context.now);
        for _ in 0..ATTEMPTS {
            let credential = Credential::generate(context.random);
            state.secret = credential.hash();
            let contents = self.contents(state, deadline)?;
            match timed(&self.events, Operation::Create, || self.store.create(&credential.id, contents)) {
                Ok(_) => {
                    if state.user.is_some() {
                        self.events.emit(Some(&credential.id), Event::Login);
                    }
                    return Ok(self.cookie(&credential, state, deadline, context.now));
                }
                Err(Error::AlreadyExists) => {}
                Err(error) => return Err(error),
            }
        }
        Err(Error::AlreadyExists)
    }

    /// Records that a session is in use, if the last record is too old. Neither a session that has ended meanwhile nor
    /// a failing disk fails a request that stores nothing.
    fn touch(&self, session: &Session<S::Guard>, stored: &Stored, now: Instant) {
        let is_due = |idle| now.abs_diff(session.last_active) >= self.configuration.resolution(idle);
        if !stored.idle_timeout.is_some_and(is_due) {
            return;
        }
        match timed(&self.events, Operation::Touch, || self.store.touch(&stored.id)) {
            Ok(()) | Err(Error::Gone) => {}
            Err(_) => drop(self.touch_failed(&stored.id)),
        }
    }

    /// Keeps an old cookie in use alive as long as its session.
    fn touch_old_cookie(&self, via: &Via, stored: &Stored, now: Instant) {
        let idle = stored.idle_timeout.or(self.configuration.idle_timeout);
        let is_due = idle.is_none_or(|idle| now.abs_diff(via.touched) >= self.configuration.resolution(idle));
        if is_due && !matches!(self.touch_forward(&via.id), Ok(()) | Err(Error::Gone)) {
            self.touch_failed(&stored.id);
        }
    }

    /// Reports a failed touch; the request succeeds anyway.
    fn touch_failed(&self, id: &SessionId) -> Vec<HeaderField> {
        self.events.emit(Some(id), Event::TouchFailed);
        Vec::new()
    }

    /// Stores the changes of a request, following a session that got a new id meanwhile.
    fn store_changes(
        &self,
        session: &mut Session<S::Guard>,
        stored: &mut Stored,
        context: &mut Context,
    ) -> Result<Vec<HeaderField>> {
        let mut guard = session.guard.take();
        for _ in 0..=HOPS {
            let result = if session.ending {
                self.log_out(guard.take().as_mut(), session, &stored.id, session.base.user.is_some())
            } else {
                self.update(session, stored, guard.take(), context)
            };
            match result {
                Err(Error::Gone) => {}
                Err(Error::Conflict(version)) => {
                    self.events.emit(Some(&stored.id), Event::Conflict);
                    return Err(Error::Conflict(version));
                }
                result => return result,
            }
            match self.successor(&stored.id)? {
                Some(next) => (stored.id, stored.renamed) = (next, true),
                // Ended by another request.
                None if session.ending => return Ok(self.revoke(session, session.base.user.is_some())),
                None => return Err(Error::Gone),
            }
        }
        Err(Error::Busy)
    }

    /// Ends a session. [`Gone`](Error::Gone) when it is absent, or no longer has this id.
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
            self.events.emit(Some(id), Event::Logout);
        }
        Ok(self.revoke(session, was_logged_in))
    }

    /// Ends the sessions that a client may end, though not use.
    fn log_out_presented(&self, presented: &Presented, now: Instant) -> Result<Vec<HeaderField>> {
        for id in presented.endable() {
            let mut was_logged_in = false;
            let look = |id: &SessionId| {
                // An unreadable session is ended too.
                was_logged_in = match self.inspect_session(id, now) {
                    Err(Error::Corrupt(_)) => false,
                    found => found?.is_some_and(|mut session| session.user().is_some()),
                };
                Ok(false)
            };
            if self.end_unless(id, look)? && was_logged_in {
                self.events.emit(Some(id), Event::Logout);
            }
        }
        let mut fields = if presented.several { self.configuration.cookie.sweep() } else { Vec::new() };
        fields.extend(self.configuration.cookie.revoke());
        fields.extend(self.configuration.cookie.forget(true));
        Ok(fields)
    }

    fn revoke(&self, session: &Session<S::Guard>, was_logged_in: bool) -> Vec<HeaderField> {
        let mut fields = self.sweep(session);
        fields.extend(self.configuration.cookie.revoke());
        // Reading the last flash value is not a logout.
        fields.extend(self.configuration.cookie.forget(true).filter(|_| was_logged_in || session.ending));
        fields
    }

    /// Deletes stale cookies where the browser has several of the name.
    fn sweep(&self, session: &Session<S::Guard>) -> Vec<HeaderField> {
        if session.presented.several { self.configuration.cookie.sweep() } else { Vec::new() }
    }

    /// Saves the session with the changes of this request. [`Gone`](Error::Gone) when it is absent, or no longer has
    /// this id.
    fn update(
        &self,
        session: &Session<S::Guard>,
        stored: &Stored,
        mut guard: Option<S::Guard>,
        context: &mut Context,
    ) -> Result<Vec<HeaderField>> {
        let wants_renewal = session.renewing || session.changes.renews();

        // The common case, without concurrent changes: one save without a lock, which names the version that the
        // changes apply to.
        let is_due = self.is_renewal_due(&session.base, session.created(), context.now);
        if !wants_renewal && !is_due && !stored.renamed && session.has_info() {
            let mut state = session.base.clone();
            self.apply(session, &mut state, context.now);
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
        // Another session, or now another user's.
        let is_same =
            if stored.renamed { before.user == session.base.user } else { before.secret.matches(&session.base.secret) };
        if !is_same {
            return Err(Error::Gone);
        }
        // Attributes that had expired when this request began.
        before.remove_expired(session.started);
        if newest.version != stored.version && session.changes.conflict(&session.reads, &session.base, &before) {
            return Err(Error::Conflict(newest.version));
        }
        // The privilege that this request gains would go to the client with the newer cookie, which must ask for it
        // itself.
        if stored.renamed && session.changes.renews() {
            return Err(Error::Conflict(newest.version));
        }
        let mut state = before.clone();
        self.apply(session, &mut state, context.now);
        if !state.has_info() {
            return self.log_out(Some(&mut guard), session, &newest.id, before.user.is_some());
        }
        let starts_anew = session.changes.authenticates() || state.more.remembered != before.more.remembered;
        let deadline = if starts_anew { self.deadline(&state, context.now) } else { newest.contents.deadline };
        let reason = if wants_renewal && !stored.renamed {
            Reason::Privilege
        } else if self.is_renewal_due(&before, newest.created, context.now) {
            Reason::Due
        } else {
            self.save(&mut guard, self.contents(&state, deadline)?, newest.version)?;
            return Ok(Vec::new());
        };
        let logs_in = session.changes.user_change().flatten().map(String::from);
        let mut renewal = Renewal { session, newest: &newest, before: &before, state, deadline, reason };
        match &logs_in {
            Some(user) => self.within_cap(user, || self.regenerate(guard, &mut renewal, context)),
            None => self.regenerate(guard, &mut renewal, context),
        }
    }

    /// Stores a session under a new id with a new secret.
    ///
    /// The save comes first. It is what can fail (the data may be too large, the disk full), and then nothing has
    /// happened. After it the old secret is invalid and the new one, bound to the new id, not yet valid: if everything
    /// stops here after a login, the client must log in again, and no client gains access.
    fn regenerate(
        &self,
        mut guard: S::Guard,
        renewal: &mut Renewal<S::Guard>,
        context: &mut Context,
    ) -> Result<Vec<HeaderField>> {
        let mut version = renewal.newest.version;
        let mut failure = Error::AlreadyExists;
        for _ in 0..ATTEMPTS {
            let credential = Credential::generate(context.random);
            failure = match self.rename(&mut guard, &mut version, renewal, &credential, context.now) {
                Ok(()) => return Ok(self.renewed(renewal, &credential, context.now)),
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
                "the session could not be renewed ({failure}), and its cookie is no longer valid ({error})"
            )));
        }
        // A failure is harmless: the id is in use, so its forwarding record is never read.
        let _ = self.delete_forward(&renewal.newest.id);
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
        let Renewal { session, newest, before, state, deadline, reason } = renewal;
        self.store_forward(newest, &self.with_cookie_confirmed(session, before, now), &credential.id, *reason, now)?;
        state.secret = credential.hash();
        state.more.renewed = self.configuration.renewal_interval.map(|_| now);
        let cookie = if *reason == Reason::Due { Cookie::Awaited } else { Cookie::Newest };
        state.succession = Succession { cookie, follows: false };
        *version = self.save(guard, self.contents(state, *deadline)?, *version)?;
        timed(&self.events, Operation::Rename, || guard.rename(&credential.id))
    }

    /// Reports a renewal, and returns the fields that set the new cookie.
    fn renewed(&self, renewal: &Renewal<S::Guard>, credential: &Credential, now: Instant) -> Vec<HeaderField> {
        let Renewal { session, newest, before, state, deadline, reason } = renewal;
        if let Some(via) = &session.presented.via
            && *reason == Reason::Due
            && self.redirect_old(&via.id, &credential.id).is_err()
        {
            // The old cookie still leads here, by one more hop.
            self.events.emit(Some(&credential.id), Event::TouchFailed);
        }
        self.report_renewal(&newest.id, &credential.id, before, state);
        let mut fields = self.sweep(session);
        fields.extend(self.cookie(credential, state, *deadline, now));
        if before.user.is_some() && state.user.is_none() {
            fields.extend(self.configuration.cookie.forget(false));
        }
        fields
    }

    fn report_renewal(&self, old: &SessionId, new: &SessionId, before: &State, after: &State) {
        self.events.emit(Some(old), Event::Renewed(new.clone()));
        if before.user != after.user {
            if before.user.is_some() {
                self.events.emit(Some(new), Event::Logout);
            }
            if after.user.is_some() {
                self.events.emit(Some(new), Event::Login);
            }
        }
    }

    /// Applies the changes of a request, and what follows from them.
    fn apply(&self, session: &Session<S::Guard>, state: &mut State, now: Instant) {
        session.changes.apply(state);
        state.more.unconfirmed = false;
        confirm_cookie(session, state, now);
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

    /// Whether a periodic renewal is due.
    fn is_renewal_due(&self, state: &State, created: Instant, now: Instant) -> bool {
        let since = state.more.renewed.unwrap_or(created);
        self.configuration.renewal_interval.is_some_and(|interval| now.abs_diff(since) >= interval)
    }

    /// Whether the client presents its current cookie for the first time.
    fn is_first_return(&self, session: &Session<S::Guard>) -> bool {
        let is_awaited = session.base.succession.cookie == Cookie::Awaited && session.presented.via.is_none();
        session.base.more.unconfirmed || is_awaited
    }

    /// The state of a session, with its newest cookie confirmed if the request presents it.
    fn with_cookie_confirmed(&self, session: &Session<S::Guard>, state: &State, now: Instant) -> State {
        let mut state = state.clone();
        confirm_cookie(session, &mut state, now);
        state
    }

    fn save(&self, guard: &mut S::Guard, contents: Contents, expected: u64) -> Result<u64> {
        timed(&self.events, Operation::Save, || guard.save(contents, Some(expected)))
    }

    fn contents(&self, state: &State, deadline: Option<Instant>) -> Result<Contents> {
        let idle = if state.more.remembered { None } else { self.configuration.idle_timeout };
        let unconfirmed = self.configuration.unconfirmed_timeout.filter(|_| state.more.unconfirmed);
        Ok(Contents {
            data: state.encode()?,
            owner: state.user.clone(),
            idle_timeout: [idle, unconfirmed].into_iter().flatten().min(),
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

/// Confirms the awaited cookie if the client has presented it: the previous one is then old. No-op if the session has
/// since got yet another one.
fn confirm_cookie<G>(session: &Session<G>, state: &mut State, now: Instant) {
    let is_newest = session.presented.via.is_none() && session.base.secret.matches(&state.secret);
    if is_newest && state.succession.cookie == Cookie::Awaited {
        state.succession.cookie = Cookie::Taken(now);
    }
}

/// A session about to get a new id.
struct Renewal<'a, G> {
    session: &'a Session<G>,
    newest: &'a Record,
    before: &'a State,
    state: State,
    deadline: Option<Instant>,
    reason: Reason,
}
