//! Telling the host what happens: the only place that calls `session-events`.

use alloc::string::ToString;

use session_core::SessionId;
use session_core::events::{self as core, Events};

use crate::backend::Store;
use crate::bindings::session3::sessions::session_events::{self as wit, Event};

/// Tell what happened, to a session if it was one.
pub fn tell<'a>(session: impl Into<Option<&'a SessionId>>, event: Event) {
    wit::tell(session.into().map(SessionId::as_str), &event);
}

/// What the manager tells.
impl Events for Store {
    fn tell(&self, session: Option<&SessionId>, event: core::Event) {
        tell(session, event.into());
    }

    fn begin(&self, operation: core::Operation) {
        wit::begin(match operation {
            core::Operation::Load => wit::Operation::Load,
            core::Operation::Save => wit::Operation::Save,
            core::Operation::Create => wit::Operation::Create,
            core::Operation::Touch => wit::Operation::Touch,
            core::Operation::Delete => wit::Operation::Delete,
            core::Operation::Rename => wit::Operation::Rename,
        });
    }

    fn end(&self) {
        wit::end();
    }
}

impl From<core::Event> for Event {
    fn from(event: core::Event) -> Self {
        match event {
            core::Event::Renewed(id) => Self::Renewed(id.to_string()),
            core::Event::Login => Self::Login,
            core::Event::Logout => Self::Logout,
            core::Event::Conflict => Self::Conflict,
            core::Event::DeadIdUsed => Self::DeadIdUsed,
            core::Event::WrongSecret => Self::WrongSecret,
            core::Event::UnknownId => Self::UnknownId,
            core::Event::TouchFailed => Self::TouchFailed,
            core::Event::Refused(limit) => Self::Refused(match limit {
                core::Limit::SessionsOfUser => wit::Limit::SessionsOfUser,
                core::Limit::NewSessions => wit::Limit::NewSessions,
                core::Limit::TotalSessions => wit::Limit::TotalSessions,
                core::Limit::TotalBytes => wit::Limit::TotalBytes,
            }),
        }
    }
}
