//! Events reported to the host: the interface `session-events` in Rust.

use crate::SessionId;

/// What happened. The first four are reported by a store, the others by the manager.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A session was created.
    Created,
    /// The session was deleted.
    Destroyed,
    /// The session was found expired and deleted.
    Expired,
    /// The session could not be read.
    Corrupt,
    /// The session continues under this id.
    Renewed(SessionId),
    /// A user logged in.
    Login,
    /// The user logged out.
    Logout,
    /// A request was refused because another request had changed what it had read.
    Conflict,
    /// A cookie was used after its session had got a new id and the grace window had passed.
    DeadIdUsed,
    /// A cookie had the id of a session but not its secret.
    WrongSecret,
    /// A cookie was well-formed but its id belongs to no session.
    UnknownId,
    /// The session's use could not be recorded; the request succeeded anyway.
    TouchFailed,
    /// A limit refused a request.
    Refused(Limit),
}

/// A limit of the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// Sessions of one user.
    SessionsOfUser,
    /// New sessions of one address in a minute.
    NewSessions,
    /// Sessions in the store.
    TotalSessions,
    /// Bytes in the store.
    TotalBytes,
}

/// A timed operation of the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Loading a session, with or without its lock.
    Load,
    /// Saving one.
    Save,
    /// Creating one.
    Create,
    /// Marking one as used.
    Touch,
    /// Deleting one.
    Delete,
    /// Giving one a new id.
    Rename,
}

/// Receives events. Reporting does not fail or wait.
pub trait Events {
    /// Reports an event, with the session it concerns, if any.
    fn emit(&self, session: Option<&SessionId>, event: Event);

    /// Marks the start of a store operation. Operations do not overlap.
    fn begin(&self, _operation: Operation) {}

    /// Marks the end of the last operation begun, whether it succeeded or failed.
    fn end(&self) {}
}

/// Runs an operation between `begin` and `end`.
pub(crate) fn timed<T>(events: &impl Events, operation: Operation, work: impl FnOnce() -> T) -> T {
    events.begin(operation);
    let result = work();
    events.end();
    result
}
