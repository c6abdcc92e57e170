//! The sessions of one user: devices, log out everywhere, and a cap on their number.

use alloc::format;
use alloc::string::String;
use alloc::vec::{IntoIter, Vec};

use crate::attributes::check_name;
use crate::client::Client;
use crate::configuration::CapPolicy;
use crate::error::Result;
use crate::events::{Events, Limit, Operation, timed};
use crate::manager::Manager;
use crate::state::State;
use crate::store::{Guard, Instant, Record, Store};
use crate::{Error, SessionId};

/// How many times a user's sessions are looked up again before giving up, when there are constant logins.
const ROUNDS: usize = 100;

/// Maximum number of devices on a page.
const MAX_PAGE: u32 = 1000;

/// One of a user's sessions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// The session's id.
    pub id: SessionId,
    /// When it was created.
    pub created: Instant,
    /// When it was last used.
    pub last_active: Instant,
    /// When the user last authenticated in it.
    pub authenticated: Option<Instant>,
    /// The client that logged in.
    pub client: Client,
    /// Whether it outlives the browser.
    pub remembered: bool,
}

/// An open listing of a user's sessions: only their ids.
pub struct Devices<S, E> {
    store: S,
    events: E,
    user: String,
    ids: IntoIter<SessionId>,
}

impl<S: Store, E: Events> Devices<S, E> {
    /// Reads the next page; an empty page ends the listing. Sessions that cannot be read are left out.
    pub fn next_page(&mut self, limit: u32) -> Result<Vec<Device>> {
        if !(1..=MAX_PAGE).contains(&limit) {
            return Err(Error::InvalidArgument(format!("a page has 1 to {MAX_PAGE} devices")));
        }
        read(&self.store, &self.events, &self.user, &mut self.ids, limit as usize)
    }

    /// Skips this many sessions without reading them.
    pub fn skip(&mut self, count: u32) {
        if let Some(last) = count.checked_sub(1) {
            self.ids.nth(last as usize);
        }
    }
}

impl<S: Store, E: Events> Manager<S, E> {
    /// Ends all sessions of a user and returns how many there were.
    pub fn end_sessions_of(&self, user: &str) -> Result<u64> {
        check_name("a user", user)?;
        self.store.delete_of(user)
    }

    /// Lists a user's sessions, oldest first.
    pub fn devices_of(&self, user: &str) -> Result<Devices<S, E>>
    where
        E: Clone,
    {
        check_name("a user", user)?;
        let ids = self.store.ids_of(user)?.into_iter();
        Ok(Devices { store: self.store.clone(), events: self.events.clone(), user: user.into(), ids })
    }

    /// All of a user's sessions at once, oldest first. Those that cannot be read are left out.
    pub fn sessions_of(&self, user: &str) -> Result<Vec<Device>> {
        check_name("a user", user)?;
        read(&self.store, &self.events, user, &mut self.store.ids_of(user)?.into_iter(), usize::MAX)
    }

    /// Ends all sessions of a user but one, and returns how many there were. Sessions that get a new id meanwhile are
    /// followed, including the one to keep.
    pub fn end_other_sessions_of(&self, user: &str, keep: &SessionId) -> Result<u64> {
        check_name("a user", user)?;
        let is_kept = |id: &SessionId| Ok(self.current(keep)? == *id);
        let mut ended = 0;
        for _ in 0..ROUNDS {
            let others = self.store.ids_of(user)?;
            let kept = self.current(keep)?;
            let others: Vec<_> = others.into_iter().filter(|id| *id != kept).collect();
            if others.is_empty() {
                return Ok(ended);
            }
            for id in &others {
                ended += u64::from(self.end_unless(id, is_kept)?);
            }
        }
        Err(Error::Busy)
    }

    /// Runs `log_in`, which stores one more session of a user, if the cap allows it.
    ///
    /// Holds a lock of the user, so that concurrent logins see each other. The session that makes room is locked before
    /// the login is stored and ended after it: a refused login ends nothing, and a successful one leaves no session
    /// over the cap.
    pub(crate) fn within_cap<T>(&self, user: &str, log_in: impl FnOnce() -> Result<T>) -> Result<T> {
        let Some((cap, policy)) = self.configuration.session_cap else {
            return log_in();
        };
        let _alone = self.lock(&lock_id(user)?)?;
        // The count may be too high; then the sessions are read.
        if self.store.count_of(user)? < cap.into() {
            return log_in();
        }
        if policy == CapPolicy::Refuse {
            return if self.store.ids_of(user)?.len() < cap as usize {
                log_in()
            } else {
                Err(self.refuse(Limit::SessionsOfUser))
            };
        }
        let mut oldest = self.make_room(user, cap as usize)?;
        let result = log_in()?;
        if let Some(oldest) = &mut oldest {
            // The login is stored, and its client must get its cookie. If the disk refuses the delete, the next login
            // retries it.
            let _ = timed(&self.events, Operation::Delete, || oldest.delete());
        }
        Ok(result)
    }

    /// Ends the user's sessions above the cap, and locks the oldest remaining one if it must go for one more. Ordered
    /// by login, not by creation: a session may be old when its user logs in. Concurrent callers agree on the order.
    fn make_room(&self, user: &str, cap: usize) -> Result<Option<S::Guard>> {
        for _ in 0..ROUNDS {
            let mut devices = self.sessions_of(user)?;
            if devices.len() < cap {
                return Ok(None);
            }
            devices.sort_by(|a, b| (a.authenticated, &a.id).cmp(&(b.authenticated, &b.id)));
            let too_many = devices.len() - cap;
            for device in devices.iter().take(too_many) {
                self.end_session(&device.id)?;
            }
            let Some(oldest) = devices.get(too_many) else { return Ok(None) };
            let mut guard = self.lock(&oldest.id)?;
            // It may have ended or got a new id during the wait.
            if timed(&self.events, Operation::Load, || guard.load())?.is_some() {
                return Ok(Some(guard));
            }
        }
        Err(Error::Busy)
    }
}

fn read(
    store: &impl Store,
    events: &impl Events,
    user: &str,
    ids: &mut IntoIter<SessionId>,
    most: usize,
) -> Result<Vec<Device>> {
    let mut page = Vec::new();
    while page.len() < most
        && let Some(id) = ids.next()
    {
        match timed(events, Operation::Load, || store.load(&id)) {
            Ok(Some(record)) => page.extend(device(record, user)),
            Ok(None) | Err(Error::Corrupt(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(page)
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

/// The id of a user's lock; no session has it.
fn lock_id(user: &str) -> Result<SessionId> {
    SessionId::derive("user", user)
}
