//! The home page: the session of the request.

use alloc::{string::String, vec::Vec};

use maud::{Markup, html};

use super::actions::COUNTER;
use super::attributes::{self, Attribute};
use super::countdown::Countdowns;
use super::layout::layout;
use super::{login, notice};
use crate::bindings::{Instant, Milliseconds, Session, Value};
use crate::failure::Failure;
use crate::http::{Request, Response};
use crate::sessions;
use crate::time;

/// A session to show.
pub struct View {
    id: Option<String>,
    pub user: Option<String>,
    pub is_remembered: bool,
    attributes: Vec<Attribute>,
    created: Instant,
    last_active: Instant,
    creation_age: Milliseconds,
    access_age: Milliseconds,
    pub expires: Option<Instant>,
    notice: Option<String>,
    dump: String,
}

impl View {
    fn of(session: &Session) -> Self {
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

    fn notice<'a>(&'a self, request: &Request) -> Option<&'a str> {
        let farewell = notice::farewell(&request.query).filter(|_| self.id.is_none());
        self.notice.as_deref().or(farewell)
    }

    fn counter(&self) -> i64 {
        let counter = self.attributes.iter().find(|attribute| attribute.name == COUNTER);
        if let Some(Attribute { value: Value::Integer(count), .. }) = counter { *count } else { 0 }
    }
}

pub fn show(request: &Request) -> Result<Response, Failure> {
    let shown = sessions::work(request, sessions::to_show(request), |session| Ok(View::of(session)))?;
    let view = shown.value;
    let may_lack_https = !request.is_https && !sessions::is_plain_loopback(request);
    let mut countdowns = Countdowns::new();
    let content = html! {
        h1.hidden { "Your session" }
        (notice::show(view.notice(request)))
        div.cards {
            (session_card(&view, may_lack_https, &mut countdowns))
            (login::card(&view, &mut countdowns))
            (counter_card(view.counter()))
            div.pile { (notes_card()) (form_card()) }
            (attributes::card(&view.attributes, &mut countdowns))
        }
        (countdowns.style())
    };
    let page = layout("Your session", "/", &content);
    Ok(Response::page(200, page).with_all(shown.fields))
}

fn session_card(view: &View, may_lack_https: bool, countdowns: &mut Countdowns) -> Markup {
    html! {
        section.card.wide aria-labelledby="session" {
            h2 #session { "Session" }
            p.statement { "Your session ID is " (view.id.as_deref().unwrap_or("None")) }
            @if view.id.is_none() {
                p.note { "It is empty, so nothing is stored and no cookie was sent." }
                @if may_lack_https {
                    p.note { "The cookie needs https. Over plain http, browsers keep it on this machine only: ask for "
                        code { "127.0.0.1" } " or " code { "localhost" } "." }
                }
            }
            @if view.id.is_some() { (facts(view, countdowns)) }
            ul.actions {
                li { a.button href="/" { "revisit page" } " " span { "shows this page again" } }
                (action("keep", "stores the session by giving it something to keep"))
                (action("logout", "ends the session"))
                (action("logoutfail", "ends it, then fails: you stay logged in"))
            }
            details {
                summary { "What a log would show" }
                pre tabindex="0" { (view.dump) }
            }
        }
    }
}

fn facts(view: &View, countdowns: &mut Countdowns) -> Markup {
    html! {
        dl.facts {
            div { dt { "Created" } dd { (moment(view.created)) " " span.age { (time::span(view.creation_age)) " ago" } } }
            div { dt { "Last used" } dd { (moment(view.last_active)) " " span.age { (time::span(view.access_age)) " ago" } } }
            @if let Some(end) = view.expires {
                div {
                    dt { @if view.is_remembered { "Ends" } @else { "Ends unless it is used" } }
                    dd { (moment(end)) " " span.age { "in " (countdowns.until(end)) } }
                }
            }
        }
    }
}

pub fn moment(instant: Instant) -> Markup {
    let timestamp = time::timestamp(instant);
    let (date, clock) = timestamp.split_once('T').unwrap_or((&timestamp, ""));
    html! { time datetime=(timestamp) { (date) " " (clock.trim_end_matches('Z')) " UTC" } }
}

fn counter_card(counter: i64) -> Markup {
    html! {
        section.card aria-labelledby="counter" {
            h2 #counter { "Counter" }
            p.statement { "Counter is at " (counter) "." }
            ul.actions {
                (action("increment", "adds one"))
                (action("incrementfail", "adds one, then fails"))
            }
            p.note { "No increment is lost, even from many tabs at once, and a request that fails adds nothing." }
        }
    }
}

/// A button, and what it does.
fn action(name: &str, what: &str) -> Markup {
    html! { li { form method="post" action={ "/" (name) } { button { (name) } } " " span { (what) } } }
}

fn notes_card() -> Markup {
    html! {
        section.card aria-labelledby="notes" {
            h2 #notes { "Notes" }
            p { "Two tabs may edit them at once. Changes to different fields are both kept, and if both change the same field, neither is lost." }
            p.actions { a.button href="/notes" { "Open the notes" } }
        }
    }
}

fn form_card() -> Markup {
    html! {
        section.card aria-labelledby="form" {
            h2 #form { "One-time form" }
            p { "Its token is stored in the session and consumed when the form is sent. Sending it twice is refused." }
            p.actions { a.button href="/form" { "Open the form" } }
        }
    }
}
