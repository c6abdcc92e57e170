//! Where a user is logged in: looking at it, and ending it from here.

use alloc::{borrow::ToOwned, format, string::String, vec::Vec};

use maud::{Markup, html};

use super::actions::then;
use super::home::moment;
use super::layout::layout;
use super::{confirm, notice};
use crate::bindings::{Access, Device, Instant};
use crate::failure::Failure;
use crate::http::{Request, Response};
use crate::{sessions, time, user_agent};

const PATH: &str = "/devices";

/// A user's sessions.
struct Devices {
    user: String,
    own: Option<String>,
    /// The own one first, then from the oldest.
    all: Vec<Device>,
    authenticated: Option<Instant>,
}

pub fn show(request: &Request) -> Result<Response, Failure> {
    let manager = sessions::manager(request)?;
    let shown = sessions::work(request, sessions::to_show(request), |session| {
        let notice = notice::take(session);
        let Some(user) = session.user() else {
            return Ok((notice, None));
        };
        let (own, authenticated) = (session.id(), session.authenticated());
        let mut all = manager.sessions_of(&user)?;
        all.sort_by_key(|device| own.as_ref() != Some(&device.id));
        Ok((notice, Some(Devices { user, own, all, authenticated })))
    })?;
    let (notice, devices) = shown.value;
    let content = html! {
        (notice::show(notice.as_deref()))
        @match &devices { Some(devices) => (list(devices)), None => (nobody()) }
    };
    Ok(Response::page(200, layout("Devices", PATH, &content)).with_all(shown.fields))
}

pub fn end(request: &Request) -> Result<Response, Failure> {
    let form = request.form()?;
    let id = form.required("id")?;
    let manager = sessions::manager(request)?;
    then(request, Access::Optimistic, PATH, |session| {
        let user = confirm::user(session)?;
        if session.id().as_ref() == Some(&id) {
            return Err(Failure::refused(400, "That is the session you are using. Log out instead."));
        }
        confirm::require(session, "/devices/end", &form)?;
        // Ids are no secret: nobody ends sessions of somebody else with them.
        let device = manager.sessions_of(&user)?.into_iter().find(|device| device.id == id);
        Ok(match device {
            Some(device) if manager.end_session(&id)? => format!("Logged out: {}.", name(&device)),
            _ => "That session had ended already.".to_owned(),
        })
    })
}

pub fn end_others(request: &Request) -> Result<Response, Failure> {
    let form = request.form()?;
    let manager = sessions::manager(request)?;
    then(request, Access::Optimistic, PATH, |session| {
        let user = confirm::user(session)?;
        confirm::require(session, "/devices/end-others", &form)?;
        let own = session.id().unwrap_or_default();
        Ok(match manager.end_other_sessions_of(&user, &own)? {
            0 => "There were no other sessions.".to_owned(),
            1 => "1 other session has ended.".to_owned(),
            ended => format!("{ended} other sessions have ended."),
        })
    })
}

pub fn end_all(request: &Request) -> Result<Response, Failure> {
    let form = request.form()?;
    let manager = sessions::manager(request)?;
    let finished = sessions::work(request, Access::Optimistic, |session| {
        let user = confirm::user(session)?;
        confirm::require(session, "/devices/end-all", &form)?;
        manager.end_sessions_of(&user)?;
        // It has ended with the others. This takes the cookie back.
        Ok(session.expire()?)
    })?;
    Ok(Response::see_other(&format!("/?{}", notice::LOGGED_OUT_EVERYWHERE)).with_all(finished.fields))
}

fn name(device: &Device) -> String {
    user_agent::short(device.client.user_agent.as_deref())
}

fn nobody() -> Markup {
    html! {
        section.card.narrow {
            h1 { "Devices" }
            p.statement { "Nobody is logged in." }
            p { "Log in, here and with another browser under the same name, to see both and to log one out from the other." }
            p.actions { a.button.primary href="/" { "Log in" } }
        }
    }
}

fn list(devices: &Devices) -> Markup {
    let others = devices.all.iter().filter(|device| devices.own.as_deref() != Some(&device.id)).count();
    html! {
        section.card aria-labelledby="devices" {
            h1 #devices { "Devices" }
            p { "Where " strong { (devices.user) } " is logged in. Whatever you do not recognise, log out." }
            ul.devices { @for device in &devices.all { (entry(device, devices.own.as_deref())) } }
            div.actions {
                @if others > 0 { form method="post" action="/devices/end-others" { button { "Log out all others" } } }
                form method="post" action="/devices/end-all" { button.danger { "Log out everywhere" } }
            }
            p.note {
                "Logging others out needs a proof of who you are, not older than " (confirm::MINUTES) " minutes. "
                @if let Some(at) = devices.authenticated { "Yours is from " (moment(at)) ". " }
                a href="/devices/confirm" { "Confirm it again" }
            }
        }
    }
}

fn entry(device: &Device, own: Option<&str>) -> Markup {
    let is_own = own == Some(device.id.as_str());
    html! {
        li {
            div.head {
                h2.device { (name(device)) }
                @if is_own { " " span.badge.good { "this one" } }
                @if device.remembered { " " span.badge { "remembered" } }
                (end_form(device, is_own))
            }
            dl.facts {
                div { dt { "Address" } dd { (device.client.address.as_deref().unwrap_or("unknown")) } }
                div { dt { "Created" } dd { (moment(device.created)) " " (age(device.created)) } }
                div { dt { "Last activity" } dd { (moment(device.last_active)) " " (age(device.last_active)) } }
                @if let Some(at) = device.authenticated { div { dt { "Confirmed" } dd { (moment(at)) " " (age(at)) } } }
            }
            details {
                summary { "Details" span.hidden { " of " (name(device)) } }
                p.note { "User agent: " @match &device.client.user_agent { Some(agent) => (agent), None => "not told" } }
                p.note { "Session ID: " code { (device.id) } }
            }
        }
    }
}

fn age(at: Instant) -> Markup {
    html! { span.age { (time::span(time::now().saturating_sub(at))) " ago" } }
}

fn end_form(device: &Device, is_own: bool) -> Markup {
    let name = name(device);
    html! {
        @if is_own {
            form method="post" action="/logout" { button.small aria-label=(format!("Log out {name}, this one")) { "Log out" } }
        } @else {
            form method="post" action="/devices/end" {
                input type="hidden" name="id" value=(device.id);
                button.small aria-label=(format!("Log out {name}, session {}", device.id)) { "Log out" }
            }
        }
    }
}
