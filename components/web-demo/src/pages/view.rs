//! A session as pages show it.

use alloc::{string::String, vec::Vec};

use maud::{Markup, html};

use super::actions::COUNTER;
use super::attributes::Attribute;
use super::notice;
use crate::bindings::{Instant, Milliseconds, Session, Value};
use crate::request::Request;
use crate::time;

/// A session to show.
pub struct View {
    pub id: Option<String>,
    pub user: Option<String>,
    pub is_remembered: bool,
    pub attributes: Vec<Attribute>,
    pub created: Instant,
    pub last_active: Instant,
    pub creation_age: Milliseconds,
    pub access_age: Milliseconds,
    pub expires: Option<Instant>,
    notice: Option<String>,
    pub dump: String,
}

impl View {
    pub fn of(session: &Session) -> Self {
        let notice = notice::take(session);
        Self {
            // Taking the notice ends a session that has nothing else.
            id: session.id().filter(|_| session.has_info()),
            user: session.user(),
            is_remembered: session.remembered(),
            attributes: session.entries().into_iter().map(|entry| Attribute::of(session, entry)).collect(),
            created: session.created(),
            last_active: session.last_active(),
            creation_age: session.creation_age(),
            access_age: session.access_age(),
            expires: session.expires(),
            notice,
            dump: session.dump(),
        }
    }

    /// What to tell the visitor about the request before.
    pub fn notice<'a>(&'a self, request: &Request) -> Option<&'a str> {
        let farewell = notice::farewell(&request.query).filter(|_| self.id.is_none());
        self.notice.as_deref().or(farewell)
    }

    /// The number of increments.
    pub fn counter(&self) -> i64 {
        let counter = self.attributes.iter().find(|attribute| attribute.name == COUNTER);
        if let Some(Attribute { value: Value::Integer(count), .. }) = counter { *count } else { 0 }
    }
}

/// A time as an element.
pub fn moment(instant: Instant) -> Markup {
    let timestamp = time::timestamp(instant);
    let (date, clock) = timestamp.split_once('T').unwrap_or((&timestamp, ""));
    html! { time datetime=(timestamp) { (date) " " (clock.trim_end_matches('Z')) " UTC" } }
}
