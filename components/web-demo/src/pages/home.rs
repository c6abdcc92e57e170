//! The home page: the session of whoever asks.

use alloc::{format, string::String, vec::Vec};

use maud::{Markup, html};

use super::actions::COUNTER;
use super::layout::layout;
use super::value;
use crate::bindings::{Access, Instant, Milliseconds, Session, Value};
use crate::failure::Failure;
use crate::http::{Request, Response};
use crate::sessions;
use crate::time;

/// A session as it is shown.
struct View {
    id: Option<String>,
    user: Option<String>,
    entries: Vec<(String, Value)>,
    created: Instant,
    last_active: Instant,
    creation_age: Milliseconds,
    access_age: Milliseconds,
    dump: String,
}

impl View {
    fn of(session: &Session) -> Self {
        Self {
            id: session.id(),
            user: session.user(),
            entries: session.entries(),
            created: session.created(),
            last_active: session.last_active(),
            creation_age: session.creation_age(),
            access_age: session.access_age(),
            dump: session.dump(),
        }
    }

    fn counter(&self) -> i64 {
        let counter = self.entries.iter().find(|(name, _)| name == COUNTER);
        if let Some((_, Value::Integer(count))) = counter { *count } else { 0 }
    }
}

pub fn show(request: &Request) -> Result<Response, Failure> {
    let shown = sessions::work(request, Access::Optimistic, |session| Ok(View::of(session)))?;
    let view = shown.value;
    let may_lack_https = !request.is_https && !sessions::is_plain_loopback(request);
    let content = html! {
        h1.hidden { "Your session" }
        div.cards {
            (session_card(&view, may_lack_https))
            (counter_card(view.counter()))
            (user_card(view.user.as_deref()))
            (form_card())
            (attributes_card(&view.entries))
        }
    };
    let page = layout("Your session", "/", &content);
    Ok(Response::page(200, page).with_all(shown.fields))
}

fn session_card(view: &View, may_lack_https: bool) -> Markup {
    html! {
        section.card.wide aria-labelledby="session" {
            h2 #session { "Session" }
            p.statement { "Your session ID is " (view.id.as_deref().unwrap_or("None")) }
            @if view.id.is_none() {
                p.note { "There is nothing to keep yet, so nothing is stored and no cookie was sent." }
                @if may_lack_https {
                    p.note { "The cookie needs https. Over plain http, browsers keep it on this machine only: ask for "
                        code { "127.0.0.1" } " or " code { "localhost" } "." }
                }
            }
            @if view.id.is_some() { (facts(view)) }
            (actions(&[
                ("/", "revisit page", "shows this page again"),
                ("keep", "keep", "assigns the session: there is something to keep"),
                ("logout", "logout", "ends the session"),
                ("logoutfail", "logoutfail", "ends it, then fails: you stay logged in"),
            ]))
            details {
                summary { "What a log would show of it" }
                pre tabindex="0" { (view.dump) }
            }
        }
    }
}

fn facts(view: &View) -> Markup {
    html! {
        dl.facts {
            div { dt { "Stored" } dd { "yes" } }
            div { dt { "Created" } dd { (moment(view.created)) " " span.age { (time::span(view.creation_age)) " ago" } } }
            div { dt { "Last used" } dd { (moment(view.last_active)) " " span.age { (time::span(view.access_age)) " ago" } } }
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
            (actions(&[
                ("increment", "increment", "adds one"),
                ("incrementfail", "incrementfail", "adds one, then fails"),
            ]))
            p.note { "No increment is lost, however many tabs do it at once, and none is kept of a request that fails." }
        }
    }
}

/// Links that do something, each with what it does.
fn actions(links: &[(&str, &str, &str)]) -> Markup {
    html! {
        ul.actions {
            @for (href, text, what) in links {
                li { a.button href=(href) { (text) } " " span { (what) } }
            }
        }
    }
}

fn user_card(user: Option<&str>) -> Markup {
    html! {
        section.card aria-labelledby="user" {
            h2 #user { "Who you are" }
            @if let Some(user) = user {
                p.statement { "Logged in as " strong { (user) } }
                form method="post" action="/logout" { button { "Log out" } }
            } @else {
                p.statement { "Nobody is logged in." }
            }
            form method="post" action="/login" {
                label for="name" { @if user.is_some() { "Become somebody else" } @else { "Name" } }
                div.row {
                    input #name name="user" required maxlength="256" autocomplete="username" aria-describedby="login-note";
                    button.primary { "Log in" }
                }
                p.note #login-note { "No password: this is a demo. The session goes on under a new ID, and the old one is dead." }
            }
        }
    }
}

fn form_card() -> Markup {
    html! {
        section.card aria-labelledby="form" {
            h2 #form { "One-time form" }
            p { "Its token is kept in the session and used up when the form is sent. Send it twice, and the second one is refused." }
            p.actions { a.button href="/form" { "Open the form" } }
        }
    }
}

fn attributes_card(entries: &[(String, Value)]) -> Markup {
    html! {
        section.card.wide aria-labelledby="attributes" {
            h2 #attributes { "Attributes" }
            @if entries.is_empty() {
                p.note { "The session has none." }
            } @else {
                div.scroll tabindex="0" role="region" aria-labelledby="attributes" {
                    table {
                        thead { tr { th scope="col" { "Name" } th scope="col" { "Type" } th scope="col" { "Value" } td {} } }
                        tbody { @for (name, value) in entries { (attribute(name, value)) } }
                    }
                }
            }
            (attribute_form())
        }
    }
}

fn attribute(name: &str, value: &Value) -> Markup {
    html! {
        tr {
            th scope="row" { (name) }
            td { span.badge { (value::kind(value)) } }
            td.value { (value::shown(value)) }
            td.end {
                form method="post" action="/attributes/remove" {
                    input type="hidden" name="name" value=(name);
                    button.small aria-label=(format!("Remove {name}")) { "Remove" }
                }
            }
        }
    }
}

fn attribute_form() -> Markup {
    html! {
        form.fields method="post" action="/attributes/set" {
            div {
                label for="attribute-name" { "Name" }
                input #attribute-name name="name" required maxlength="256" autocomplete="off";
            }
            div {
                label for="attribute-type" { "Type" }
                select #attribute-type name="type" { @for kind in value::TYPES { option value=(kind) { (kind) } } }
            }
            div.grow {
                label for="attribute-value" { "Value" }
                input #attribute-value name="value" autocomplete="off";
            }
            button.primary { "Set attribute" }
        }
    }
}
