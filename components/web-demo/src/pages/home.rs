//! The home page: the session of the request.

use maud::{Markup, html};

use super::countdown::Countdowns;
use super::layout::layout;
use super::view::{View, moment};
use super::{attributes, login, notice};
use crate::failure::Failure;
use crate::request::Request;
use crate::response::Response;
use crate::sessions;
use crate::time;

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
