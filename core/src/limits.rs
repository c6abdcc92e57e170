//! Limits on the number of sessions: new ones per address and minute, and in the whole store.
//!
//! Tallies are kept in the store, in separate records changed under their lock: instances live for one request, and all
//! of them must count together.

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::ToString;
use alloc::vec;
use core::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::events::{Event, Events, Limit};
use crate::manager::Manager;
use crate::store::{Contents, Guard, Instant, Milliseconds, Store};
use crate::{Error, SessionId};

/// The counting period.
const PERIOD: Milliseconds = 60_000;

/// The first byte of a tally's data, never of a session's.
const FORMAT: u8 = 128;

/// Maximum attempts to load or create a tally, when others do the same and it expires in between.
const ATTEMPTS: usize = 4;

/// The counts of one period.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Tally {
    since: Instant,
    sessions: u64,
    bytes: u64,
}

impl<S: Store, E: Events> Manager<S, E> {
    /// Counts a new session, or refuses it.
    pub(crate) fn admit(&self, address: Option<&str>, bytes: usize, now: Instant) -> Result<()> {
        if let Some(most) = self.configuration.new_sessions {
            self.admit_from(address, most.into(), now)?;
        }
        if self.configuration.total_sessions.is_some() || self.configuration.total_bytes.is_some() {
            self.admit_to_store(bytes as u64, now)?;
        }
        Ok(())
    }

    fn admit_from(&self, address: Option<&str>, most: u64, now: Instant) -> Result<()> {
        // A hash, not the address: that may have any length and characters, and should not appear in listings.
        let id = SessionId::derive("tally-of", &client(address.unwrap_or_default(), self.configuration.ipv6_prefix))?;
        self.count(&id, now, |tally| {
            let mut tally = tally.unwrap_or(Tally { since: now, ..Tally::default() });
            if tally.sessions >= most {
                return Err(self.refuse(Limit::NewSessions));
            }
            tally.sessions += 1;
            Ok(tally)
        })
    }

    fn admit_to_store(&self, bytes: u64, now: Instant) -> Result<()> {
        let most = (self.configuration.total_sessions, self.configuration.total_bytes);
        self.count(&SessionId::derive("tally", "of the store")?, now, |tally| {
            let mut tally = match tally {
                Some(tally) => tally,
                None => {
                    let usage = self.store.usage()?;
                    Tally { since: now, sessions: usage.sessions, bytes: usage.bytes }
                }
            };
            tally.sessions += 1;
            tally.bytes = tally.bytes.saturating_add(bytes);
            if most.0.is_some_and(|most| tally.sessions > most) {
                return Err(self.refuse(Limit::TotalSessions));
            }
            if most.1.is_some_and(|most| tally.bytes > most) {
                return Err(self.refuse(Limit::TotalBytes));
            }
            Ok(tally)
        })
    }

    /// Updates a tally under its lock; it restarts after a period.
    fn count(&self, id: &SessionId, now: Instant, count: impl Fn(Option<Tally>) -> Result<Tally>) -> Result<()> {
        for _ in 0..ATTEMPTS {
            let mut guard = self.lock(id)?;
            let result = match guard.load() {
                Ok(Some(record)) => {
                    let tally = Tally::decode(&record.contents.data).filter(|tally| !tally.is_over(now));
                    guard.save(count(tally)?.contents()?, None).map(drop)
                }
                Ok(None) => {
                    // Creating takes the lock.
                    drop(guard);
                    self.store.create(id, count(None)?.contents()?).map(drop)
                }
                // It was quarantined, and a new one can be created.
                Err(Error::Corrupt(_)) => continue,
                Err(error) => Err(error),
            };
            match result {
                Err(Error::AlreadyExists | Error::Gone) => {}
                result => return result,
            }
        }
        Err(Error::Busy)
    }

    pub(crate) fn refuse(&self, limit: Limit) -> Error {
        self.events.emit(None, Event::Refused(limit));
        let cap = self.configuration.session_cap.map_or(0, |(cap, _)| cap);
        match limit {
            Limit::SessionsOfUser => {
                Error::AccessDenied(format!("this user already has {cap} sessions, the maximum; end one of them first"))
            }
            Limit::NewSessions => Error::Busy,
            Limit::TotalSessions => Error::NoSpace("the store has reached its limit of sessions".to_string()),
            Limit::TotalBytes => Error::NoSpace("the store has reached its limit of bytes".to_string()),
        }
    }
}

/// Identifies a client: an IPv4 address, an IPv6 network, or any other address as given.
fn client(address: &str, prefix: u8) -> Cow<'_, str> {
    let digits = |bytes: &[u8]| base16ct::lower::encode_string(bytes).into();
    match address.parse().map(|address: IpAddr| address.to_canonical()) {
        Ok(IpAddr::V4(address)) => digits(&address.octets()),
        Ok(IpAddr::V6(address)) => {
            let host_bits = 128_u32.saturating_sub(prefix.into());
            digits(&(address.to_bits() & u128::MAX.checked_shl(host_bits).unwrap_or(0)).to_be_bytes())
        }
        Err(_) => address.into(),
    }
}

impl Tally {
    /// A tally from the future is over too: the clock was stepped back.
    fn is_over(&self, now: Instant) -> bool {
        now.abs_diff(self.since) >= PERIOD
    }

    fn decode(data: &[u8]) -> Option<Self> {
        let data = data.strip_prefix(&[FORMAT])?;
        postcard::from_bytes(data).ok()
    }

    /// It expires when its period is over.
    fn contents(&self) -> Result<Contents> {
        let data =
            postcard::to_extend(self, vec![FORMAT]).map_err(|error| Error::Other(format!("cannot encode: {error}")))?;
        Ok(Contents { data, owner: None, idle_timeout: Some(PERIOD), deadline: None })
    }
}
