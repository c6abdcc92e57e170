//! Event reporting: the only module that calls `session-events`.

use alloc::string::ToString;

use session_core::SessionId;
use session_core::events::{Event, Events, Limit, Operation};

use crate::bindings::session3::sessions::session_events as wit;

/// The host.
#[derive(Clone, Copy)]
pub struct Host;

impl Events for Host {
    fn emit(&self, session: Option<&SessionId>, event: Event) {
        wit::emit(session.map(SessionId::as_str), &event.into());
    }

    fn begin(&self, operation: Operation) {
        wit::begin(match operation {
            Operation::Load => wit::Operation::Load,
            Operation::Save => wit::Operation::Save,
            Operation::Create => wit::Operation::Create,
            Operation::Touch => wit::Operation::Touch,
            Operation::Delete => wit::Operation::Delete,
            Operation::Rename => wit::Operation::Rename,
        });
    }

    fn end(&self) {
        wit::end();
    }
}

impl From<Event> for wit::Event {
    fn from(event: Event) -> Self {
        match event {
            Event::Created => Self::Created,
            Event::Destroyed => Self::Destroyed,
            Event::Expired => Self::Expired,
            Event::Corrupt => Self::Corrupt,
            Event::Renewed(id) => Self::Renewed(id.to_string()),
            Event::Login => Self::Login,
            Event::Logout => Self::Logout,
            Event::Conflict => Self::Conflict,
            Event::DeadIdUsed => Self::DeadIdUsed,
            Event::WrongSecret => Self::WrongSecret,
            Event::UnknownId => Self::UnknownId,
            Event::TouchFailed => Self::TouchFailed,
            Event::Refused(limit) => Self::Refused(match limit {
                Limit::SessionsOfUser => wit::Limit::SessionsOfUser,
                Limit::NewSessions => wit::Limit::NewSessions,
                Limit::TotalSessions => wit::Limit::TotalSessions,
                Limit::TotalBytes => wit::Limit::TotalBytes,
            }),
        }
    }
}
