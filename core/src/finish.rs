//! The end of a request: storing what changed, once, or nothing.

use alloc::format;
use alloc::vec::Vec;

use crate::Error;
use crate::attributes::State;
use crate::cookie::HeaderField;
use crate::credential::Credential;
use crate::error::Result;
use crate::manager::Manager;
use crate::session::{Access, Session, Stored};
use crate::store::{Contents, Instant, Milliseconds, Record, SessionGuard, Sessions};

/// How exactly the last use of a session is known, in milliseconds: a session that is only read is noted in the store
/// once a minute. So a session may end this much before its idle timeout has passed since its last use, never after.
/// With a short timeout it is noted more often: after a quarter of the timeout.
pub const ACTIVITY_RESOLUTION: Milliseconds = 60_000;

/// How often a new id is tried. One is taken only if the random generator repeats itself.
const ATTEMPTS: usize = 3;

impl<S: Sessions> Manager<S> {
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
        let Some(stored) = session.stored.take() else {
            return self.create(&session, now, random);
        };
        if !session.ending && !session.renewing && session.changes.is_empty() {
            // The touch takes the lock that the guard holds.
            drop(session.guard.take());
            self.note_use(&stored, session.last_active, now)?;
            return Ok(Vec::new());
        }
        let mut guard = match session.guard.take() {
            Some(guard) => guard,
            None => self.store.lock(&stored.id)?,
        };
        if session.ending {
            guard.delete()?;
            return Ok(self.configuration.cookie.revoke());
        }
        self.update(&session, &stored, &mut guard, now, random)
    }

    /// End a request that failed: nothing is stored, a logout is not done.
    pub fn finish_failed_request(&self, session: Session<S::Guard>) -> Vec<HeaderField> {
        drop(session);
        Vec::new()
    }

    /// Store a new session, if there is something to keep.
    fn create(
        &self,
        session: &Session<S::Guard>,
        now: Instant,
        random: &mut dyn FnMut() -> [u8; 16],
    ) -> Result<Vec<HeaderField>> {
        let mut state = session.base.clone();
        session.changes.apply(&mut state);
        if session.ending || !state.has_info() {
            return Ok(Vec::new());
        }
        for _ in 0..ATTEMPTS {
            let credential = Credential::generate(random);
            state.secret = credential.hash();
            match self.store.create(&credential.id, self.contents(&state, self.deadline(now))?) {
                Ok(_) => return Ok(self.configuration.cookie.set(&credential)),
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
        if now.abs_diff(last_active) < ACTIVITY_RESOLUTION.min(idle / 4) {
            return Ok(());
        }
        match self.store.touch(&stored.id) {
            Err(Error::Gone) => Ok(()),
            result => result,
        }
    }

    /// Store the changes of a request, under the lock.
    fn update(
        &self,
        session: &Session<S::Guard>,
        stored: &Stored,
        guard: &mut S::Guard,
        now: Instant,
        random: &mut dyn FnMut() -> [u8; 16],
    ) -> Result<Vec<HeaderField>> {
        let user_change = session.changes.user_change();
        let renewing = session.renewing || user_change.is_some();

        // Nearly always nobody else was here, and one save does it.
        if !renewing && session.has_info() {
            let mut state = session.base.clone();
            session.changes.apply(&mut state);
            match guard.save(&self.contents(&state, stored.deadline)?, Some(stored.version)) {
                Err(Error::Conflict(_)) => {}
                result => return result.map(|_| Vec::new()),
            }
        }

        let newest = guard.load()?.ok_or(Error::Gone)?;
        let mut state = State::decode(&newest.contents.data)?;
        if !state.secret.is(&session.base.secret) {
            return Err(Error::Gone);
        }
        if newest.version != stored.version && session.changes.conflict(&session.reads, &session.base, &state) {
            return Err(Error::Conflict(newest.version));
        }
        session.changes.apply(&mut state);
        if !state.has_info() {
            guard.delete()?;
            return Ok(self.configuration.cookie.revoke());
        }
        let deadline = match user_change {
            Some(Some(_)) => self.deadline(now),
            _ => newest.contents.deadline,
        };
        if renewing {
            return self.regenerate(guard, &newest, state, deadline, random);
        }
        guard.save(&self.contents(&state, deadline)?, Some(newest.version))?;
        Ok(Vec::new())
    }

    /// Store a session under a new id with a new secret.
    ///
    /// The save comes first. It is what can fail (the data may be too large, the disk full), and then nothing has
    /// happened. From then on the old secret is worthless and the new one, bound to the new id, not yet good: if
    /// everything ends here, the client must log in again, and nobody has what is not his.
    fn regenerate(
        &self,
        guard: &mut S::Guard,
        newest: &Record,
        mut state: State,
        deadline: Option<Instant>,
        random: &mut dyn FnMut() -> [u8; 16],
    ) -> Result<Vec<HeaderField>> {
        let mut version = newest.version;
        let mut failure = Error::AlreadyExists;
        for _ in 0..ATTEMPTS {
            let credential = Credential::generate(random);
            state.secret = credential.hash();
            let contents = self.contents(&state, deadline)?;
            let renamed = guard.save(&contents, Some(version)).and_then(|saved| {
                version = saved;
                guard.rename(&credential.id)
            });
            failure = match renamed {
                Ok(()) => return Ok(self.configuration.cookie.set(&credential)),
                Err(error) => error,
            };
            if failure != Error::AlreadyExists {
                break;
            }
        }
        let undo = version != newest.version && !matches!(failure, Error::Gone | Error::OutcomeUnknown(_));
        if undo && let Err(error) = guard.save(&newest.contents, Some(version)) {
            return Err(Error::OutcomeUnknown(format!(
                "the session could get no new id ({failure}) and now has no cookie either ({error})"
            )));
        }
        Err(failure)
    }

    fn contents(&self, state: &State, deadline: Option<Instant>) -> Result<Contents> {
        Ok(Contents {
            data: state.encode()?,
            owner: state.user.clone(),
            idle_timeout: self.configuration.idle_timeout,
            deadline,
        })
    }

    fn deadline(&self, now: Instant) -> Option<Instant> {
        self.configuration.absolute_timeout.map(|timeout| now.saturating_add(timeout))
    }
}
