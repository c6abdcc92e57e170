//! The sessions of one user: devices, log out everywhere, and a cap on how many there are.

use alloc::vec::Vec;

use crate::attributes::check_name;
use crate::client::Client;
use crate::configuration::CapPolicy;
use crate::error::Result;
use crate::events::Limit;
use crate::manager::Manager;
use crate::state::State;
use crate::store::{Backend, Instant, Record};
use crate::{Error, SessionId};

/// How often the sessions of a user are looked for again before it is given up: some log in all the time.
const ROUNDS: usize = 100;

/// One of a user's sessions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// Its name.
    pub id: SessionId,
    /// When it was created.
    pub created: Instant,
    /// When it was last used.
    pub last_active: Instant,
    /// When the user last proved who they are in it.
    pub authenticated: Option<Instant>,
    /// Who logged in.
    pub client: Client,
    /// Whether it outlives the browser.
    pub remembered: bool,
}

impl<S: Backend> Manager<S> {
    /// End all sessions of a user, and say how many there were.
    pub fn end_sessions_of(&self, user: &str) -> Result<u64> {
        check_name("a user", user)?;
        self.store.delete_of(user)
    }

    /// List a user's sessions, oldest first. What cannot be read is left out.
    pub fn sessions_of(&self, user: &str) -> Result<Vec<Device>> {
        check_name("a user", user)?;
        let mut devices = Vec::new();
        for id in self.store.ids_of(user)? {
            match self.load(&id) {
                Ok(Some(record)) => devices.extend(device(record, user)),
                Ok(None) | Err(Error::Corrupt(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(devices)
    }

    /// End all sessions of a user but one, and say how many there were. One that gets a new id meanwhile is found under
    /// that.
    pub fn end_other_sessions_of(&self, user: &str, keep: &SessionId) -> Result<u64> {
        check_name("a user", user)?;
        let mut ended = 0;
        for _ in 0..ROUNDS {
            let mut others = self.store.ids_of(user)?;
            others.retain(|id| id != keep);
            if others.is_empty() {
                return Ok(ended);
            }
            for id in &others {
                ended += u64::from(self.end_session(id)?);
            }
        }
        Err(Error::Busy)
    }

    /// Let a user have one session more, which `log_in` stores, if the cap allows it.
    ///
    /// Under a lock of the user, so that those who log in at once see each other. Sessions that have to end are ended
    /// after it: whoever logs in there may hold his session's lock, and wait for this one.
    pub(crate) fn within_cap<T>(&self, user: &str, log_in: impl FnOnce() -> Result<T>) -> Result<T> {
        let Some((cap, policy)) = self.configuration.session_cap else {
            return log_in();
        };
        let alone = self.store.lock(&lock_id(user)?)?;
        if policy == CapPolicy::Refuse && self.store.ids_of(user)?.len() >= cap as usize {
            return Err(self.refuse(Limit::SessionsOfUser));
        }
        let answer = log_in()?;
        drop(alone);
        self.end_oldest(user, cap as usize)?;
        Ok(answer)
    }

    /// By the time of the login and not of creation: a session may be old when its user logs in. All who do this at once
    /// agree on the order.
    fn end_oldest(&self, user: &str, cap: usize) -> Result<()> {
        for _ in 0..ROUNDS {
            if self.store.ids_of(user)?.len() <= cap {
                return Ok(());
            }
            let mut devices = self.sessions_of(user)?;
            devices.sort_by(|a, b| (a.authenticated, &a.id).cmp(&(b.authenticated, &b.id)));
            let too_many = devices.len().saturating_sub(cap);
            for device in devices.iter().take(too_many) {
                self.end_session(&device.id)?;
            }
        }
        Err(Error::Busy)
    }
}

fn device(record: Record, user: &str) -> Option<Device> {
    let state = State::decode(&record.contents.data).ok()?;
    (state.user.as_deref() == Some(user)).then_some(Device {
        id: record.id,
        created: record.created,
        last_active: record.last_active,
        authenticated: state.more.authenticated,
        client: Client { address: state.remote_address, user_agent: state.more.user_agent },
        remembered: state.more.remembered,
    })
}

/// No session has this id: it is only locked.
fn lock_id(user: &str) -> Result<SessionId> {
    SessionId::derive("user", user)
}
