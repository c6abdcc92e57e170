//! What the host is told of sessions: the interface `session-events` in Rust.

use crate::SessionId;

/// What happened. The first four are a store's to tell, the others the manager's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The store has a new session.
    Created,
    /// The session was deleted.
    Destroyed,
    /// The session was found to be over, and deleted.
    Expired,
    /// The session could not be read.
    Corrupt,
    /// The session goes on under this id.
    Renewed(SessionId),
    /// A user has logged in.
    Login,
    /// The user has logged out.
    Logout,
    /// A request was refused because another had changed what it had read.
    Conflict,
    /// A cookie was used after its session had got a new id and the grace window had passed.
    DeadIdUsed,
    /// A cookie had the id of a session and not its secret.
    WrongSecret,
    /// A cookie had the form of ours and the id of no session.
    UnknownId,
    /// That the session was used could not be noted, and the request was answered all the same.
    TouchFailed,
    /// A limit refused something.
    Refused(Limit),
}

/// A limit of the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// Of one user.
    SessionsOfUser,
    /// From one address in a minute.
    NewSessions,
    /// In the store.
    TotalSessions,
    /// In the store.
    TotalBytes,
}

/// What takes time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Loading a session, with or without its lock.
    Load,
    /// Saving one.
    Save,
    /// Creating one.
    Create,
    /// Noting that one is in use.
    Touch,
    /// Deleting one.
    Delete,
    /// Giving one a new id.
    Rename,
}

/// Who is told. Telling does not fail and does not wait.
pub trait Events {
    /// An event, of a session if it is about one.
    fn tell(&self, session: Option<&SessionId>, event: Event);

    /// An operation on the store begins. They do not overlap.
    fn begin(&self, _operation: Operation) {}

    /// The operation that began last has ended, well or not.
    fn end(&self) {}
}

/// Do something that takes time, between `begin` and `end`.
pub(crate) fn timed<T>(events: &impl Events, operation: Operation, work: impl FnOnce() -> T) -> T {
    events.begin(operation);
    let answer = work();
    events.end();
    answer
}
