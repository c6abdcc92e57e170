//! The seam for servers that keep sessions: [`Sessions`] is the store contract without what a client's side does.
//!
//! A client's side checks arguments ([`Checked`](crate::store::Checked) or its functions), waits for locks, renews them
//! and generates ids. The server's side, below, is atomic in each function, and never waits for a lock: it returns
//! [`Busy`](crate::Error::Busy) at once.
//!
//! Time is an argument, as everywhere in this crate, so a clock may differ between clients. It decides what has expired.
//! Leases are timed by the server.

use alloc::string::String;
use alloc::vec::Vec;

use crate::SessionId;
use crate::error::{Error, Result};
use crate::events::Events;
use crate::store::{Contents, GarbageReport, Info, Instant, LockMode, Milliseconds, Page, Record, Usage};

/// What a function needs from its caller.
#[derive(Clone, Copy)]
pub struct Call<'a> {
    /// The time.
    pub now: Instant,
    /// Receives what happens to sessions.
    pub events: &'a (dyn Events + Sync),
}

/// A lock's holder: random, so that a holder whose lease has ended cannot be taken for its successor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Holder(pub u128);

/// The sessions at one location of a server. Its errors are those of [`Store`](crate::store::Store).
///
/// Functions that write take the holder of the session's exclusive lock, if the caller is it: they fail with
/// [`Busy`](crate::Error::Busy) when others hold a lock, and when the holder no longer does. The check and the write are
/// atomic: a holder whose lease has ended writes nothing.
pub trait Sessions: Send + Sync + 'static {
    /// The store's identity, the same for every client: locks are named by it.
    fn store_id(&self) -> &str;

    /// Whether other processes reach the same sessions.
    fn is_multiprocess_safe(&self) -> bool;

    /// Stores a new session: version 1 or an imported one. [`AlreadyExists`](crate::Error::AlreadyExists) when the id is
    /// taken by a session that has not expired.
    fn insert(&self, record: &Record, call: Call<'_>) -> impl Future<Output = Result<()>> + Send;

    /// See [`Store::load`](crate::store::Store::load). A session found expired is deleted unless others hold its lock.
    fn load(
        &self,
        id: &SessionId,
        holder: Option<Holder>,
        call: Call<'_>,
    ) -> impl Future<Output = Result<Option<Record>>> + Send;

    /// See [`Store::has`](crate::store::Store::has).
    fn has(&self, id: &SessionId, call: Call<'_>) -> impl Future<Output = Result<bool>> + Send;

    /// See [`Store::save`](crate::store::Store::save). With `durable`, it survives what the server's documentation says.
    fn save(
        &self,
        id: &SessionId,
        contents: &Contents,
        expected: Option<u64>,
        holder: Option<Holder>,
        durable: bool,
        call: Call<'_>,
    ) -> impl Future<Output = Result<u64>> + Send;

    /// See [`Store::touch`](crate::store::Store::touch).
    fn touch(&self, id: &SessionId, call: Call<'_>) -> impl Future<Output = Result<()>> + Send;

    /// See [`Store::delete`](crate::store::Store::delete). With an owner, deletes only a session of that owner.
    fn delete(
        &self,
        id: &SessionId,
        of: Option<&str>,
        holder: Option<Holder>,
        call: Call<'_>,
    ) -> impl Future<Output = Result<bool>> + Send;

    /// See [`Store::rename`](crate::store::Store::rename). A holder then holds both ids.
    fn rename(
        &self,
        id: &SessionId,
        new_id: &SessionId,
        holder: Option<Lease>,
        call: Call<'_>,
    ) -> impl Future<Output = Result<()>> + Send;

    /// Locks a session, which need not exist, until the lease ends. [`Busy`](crate::Error::Busy) when others hold it.
    fn lock(&self, id: &SessionId, mode: LockMode, lease: Lease) -> impl Future<Output = Result<()>> + Send;

    /// Extends a lock that is still held: to the lease from now. [`Busy`](crate::Error::Busy) when it is not held any
    /// more.
    fn renew(&self, id: &SessionId, lease: Lease) -> impl Future<Output = Result<()>> + Send;

    /// Releases a lock, if it is still held.
    fn unlock(&self, id: &SessionId, holder: Holder) -> impl Future<Output = Result<()>> + Send;

    /// At most `limit` sessions behind an id, in a stable order, and where to go on; none at the end. A page may be
    /// empty before the end.
    fn page(
        &self,
        after: Option<&SessionId>,
        limit: u32,
        call: Call<'_>,
    ) -> impl Future<Output = Result<(Page, Option<SessionId>)>> + Send;

    /// The sessions of an owner among these, in their order; without those that have ended or cannot be read.
    fn infos(&self, ids: &[SessionId], owner: &str, call: Call<'_>) -> impl Future<Output = Result<Vec<Info>>> + Send;

    /// The ids of an owner's sessions, oldest first. Some may have ended.
    fn ids_of(&self, owner: &str) -> impl Future<Output = Result<Vec<SessionId>>> + Send;

    /// See [`Store::count_of`](crate::store::Store::count_of).
    fn count_of(&self, owner: &str) -> impl Future<Output = Result<u64>> + Send;

    /// See [`Store::delete_old`](crate::store::Store::delete_old).
    fn delete_old(&self, age: Milliseconds, call: Call<'_>) -> impl Future<Output = Result<(u64, u64)>> + Send;

    /// See [`Store::collect_garbage`](crate::store::Store::collect_garbage).
    fn collect_garbage(
        &self,
        budget: u32,
        resume: Option<String>,
        call: Call<'_>,
    ) -> impl Future<Output = Result<GarbageReport>> + Send;

    /// See [`Store::usage`](crate::store::Store::usage).
    fn usage(&self) -> impl Future<Output = Result<Usage>> + Send;
}

/// A lock for a limited time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    /// Who holds it.
    pub holder: Holder,
    /// For how long, by the server's clock.
    pub time: Milliseconds,
}

/// A server, or a place within it, that keeps stores by location.
pub trait Engine: Send + Sync + 'static {
    /// The sessions at one location.
    type Sessions: Sessions;

    /// Opens the store at a location. [`NoSuchStore`](crate::Error::NoSuchStore) when there is none and `create` is not
    /// set. With `durable`, fails if the server cannot keep saves through a power cut.
    fn open(&self, location: &str, create: bool, durable: bool) -> impl Future<Output = Result<Self::Sessions>> + Send;

    /// Sets up a new store. [`AlreadyExists`](crate::Error::AlreadyExists) when the location has one.
    fn setup(&self, location: &str, durable: bool) -> impl Future<Output = Result<Self::Sessions>> + Send;
}

/// How often all sessions of an owner are looked up, when there are constant logins.
const LOGOUT_ROUNDS: usize = 100;

/// The end of all sessions of an owner, as [`Store::delete_of`](crate::store::Store::delete_of), in rounds: in each, the
/// caller looks up the owner's sessions and deletes each.
///
/// A session renamed meanwhile, say by a login, must not escape under its new id: it is in the index of one id or the
/// other at any time, but the indexes are not read at the same time. So they are read until nothing is found twice in a
/// row.
#[derive(Debug, Default)]
pub struct Logout {
    deleted: u64,
    rounds: usize,
    empty_rounds: usize,
    found: bool,
}

impl Logout {
    /// Notes the deletion of a session. False, and a session that was quarantined, mean that it is gone, or another
    /// owner's by now.
    ///
    /// # Errors
    ///
    /// Returns any other error, which ends the logout.
    pub fn note(&mut self, deleted: Result<bool>) -> Result<()> {
        match deleted {
            Ok(true) => (self.deleted, self.found) = (self.deleted + 1, true),
            Ok(false) | Err(Error::Corrupt(_)) => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Ends a round. Returns the number of sessions deleted if it was the last.
    ///
    /// # Errors
    ///
    /// [`Busy`](crate::Error::Busy) when logins never end.
    pub fn end_round(&mut self) -> Result<Option<u64>> {
        self.empty_rounds = if self.found { 0 } else { self.empty_rounds + 1 };
        (self.rounds, self.found) = (self.rounds + 1, false);
        match (self.empty_rounds, self.rounds) {
            (2, _) => Ok(Some(self.deleted)),
            (_, LOGOUT_ROUNDS) => Err(Error::Busy),
            _ => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_logout_ends_after_two_rounds_without_a_session() {
        let mut logout = Logout::default();
        for (deleted, end) in [
            (&[Ok(true), Ok(true), Ok(false)][..], None),
            (&[Ok(false), Err(Error::Corrupt("".into()))], None),
            (&[Ok(true)], None),
            (&[], None),
            (&[], Some(3)),
        ] {
            deleted.iter().for_each(|deleted| logout.note(deleted.clone()).unwrap());
            assert_eq!(logout.end_round(), Ok(end));
        }
        assert_eq!(Logout::default().note(Err(Error::Busy)), Err(Error::Busy));
    }

    #[test]
    fn a_logout_gives_up_when_logins_never_end() {
        let mut logout = Logout::default();
        for _ in 1..LOGOUT_ROUNDS {
            logout.note(Ok(true)).unwrap();
            assert_eq!(logout.end_round(), Ok(None));
        }
        logout.note(Ok(true)).unwrap();
        assert_eq!(logout.end_round(), Err(Error::Busy));
    }
}
