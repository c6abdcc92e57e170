//! Where a user is logged in, and ending those sessions.

use alloc::{borrow::ToOwned, format, string::String, vec::Vec};

use maud::{Markup, html};

use super::actions::then;
use super::layout::layout;
use super::view::moment;
use super::{confirm, notice};
use crate::bindings::{Access, Client, Device, Instant, Manager, Session};
use crate::failure::Failure;
use crate::request::Request;
use crate::response::Response;
use crate::{sessions, time, user_agent};

const PATH: &str = "/devices";

/// Other sessions per page: an account used by programs may have thousands.
const PAGE: u32 = 20;

/// A user's sessions.
struct Devices {
    user: String,
    /// The session of this request.
    own: Option<Device>,
    /// A page of the others, oldest first.
    others: Vec<Device>,
    /// The page number, from 1.
    page: u32,
    has_more: bool,
}

pub fn show(request: &Request) -> Result<Response, Failure> {
    let manager = sessions::manager(request)?;
    let shown = sessions::work(request, sessions::to_show(request), |session| {
        let notice = notice::take(session);
        let Some(user) = session.user() else {
            return Ok((notice, None));
        };
        let page = request.parameter("page").and_then(|page| page.parse().ok()).unwrap_or(1).max(1);
        Ok((notice, Some(read(&manager, user, own(session), page)?)))
    })?;
    let (notice, devices) = shown.value;
    let content = html! {
        (notice::show(notice.as_deref()))
        @match &devices { Some(devices) => (list(devices)), None => (nobody()) }
    };
    Ok(Response::page(200, layout("Devices", PATH, &content)).with_all(shown.fields))
}

/// The device of a session, without reading the store.
fn own(session: &Session) -> Option<Device> {
    Some(Device {
        id: session.id()?,
        created: session.created(),
        last_active: session.last_active(),
        authenticated: session.authenticated(),
        client: Client { address: session.remote_address(), user_agent: session.user_agent() },
        remembered: session.remembered(),
    })
}

fn read(manager: &Manager, user: String, own: Option<Device>, page: u32) -> Result<Devices, Failure> {
    let is_other = |device: &Device| own.as_ref().is_none_or(|own| own.id != device.id);
    let cursor = manager.sessions_of(&user)?;
    cursor.skip((page - 1).saturating_mul(PAGE));
    let mut others = cursor.next_page(PAGE)?;
    others.retain(is_other);
    // Two, because one of them may be the session itself.
    let has_more = cursor.next_page(2)?.iter().any(is_other);
    Ok(Devices { user, own, others, page, has_more })
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
        // Ids are not secret: they must not end another user's sessions.
        let device = manager.inspect_session(&id)?.filter(|device| device.user().as_ref() == Some(&user));
        Ok(match device.map(|device| device.user_agent()) {
            Some(agent) if manager.end_session(&id)? => format!("Logged out: {}.", user_agent::short(agent.as_deref())),
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
        // It ended with the others. This revokes the cookie.
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
    let has_others = devices.page > 1 || devices.has_more || !devices.others.is_empty();
    let authenticated = devices.own.as_ref().and_then(|own| own.authenticated);
    html! {
        section.card aria-labelledby="devices" {
            h1 #devices { "Devices" }
            p { "Where " strong { (devices.user) } " is logged in. Log out any device that you do not recognise." }
            ul.devices {
                @if let Some(own) = &devices.own { (entry(own, true)) }
                @for device in &devices.others { (entry(device, false)) }
            }
            (pages(devices))
            div.actions {
                @if has_others { form method="post" action="/devices/end-others" { button { "Log out all others" } } }
                form method="post" action="/devices/end-all" { button.danger { "Log out everywhere" } }
            }
            p.note {
                "Logging out other devices requires a confirmation within the last " (confirm::MINUTES) " minutes. "
                @if let Some(at) = authenticated { "Yours is from " (moment(at)) ". " }
                a href="/devices/confirm" { "Confirm again" }
            }
        }
    }
}

fn pages(devices: &Devices) -> Markup {
    html! {
        @if devices.has_more || devices.page > 1 {
            nav.pages aria-label="Pages of the list" {
                @if devices.page > 1 { a.button href="/devices" { "first page" } }
                @if devices.has_more {
                    a.button rel="next" href={ "/devices?page=" (devices.page.saturating_add(1)) } { "next page" }
                }
            }
        }
    }
}

fn entry(device: &Device, is_own: bool) -> Markup {
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
                p.note { "User agent: " @match &device.client.user_agent { Some(agent) => (agent), None => "unknown" } }
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
