//! Attributes: set, with or without a lifetime, listed on the home page, removed.

use alloc::{format, string::String};

use maud::{Markup, html};

use super::actions::then_home;
use super::countdown::Countdowns;
use super::value;
use crate::bindings::{Access, Instant, Session, Value};
use crate::failure::Failure;
use crate::request::{Form, Request};
use crate::response::Response;
use crate::time;

/// An attribute to show.
pub struct Attribute {
    pub name: String,
    pub value: Value,
    expires: Option<Instant>,
}

impl Attribute {
    pub fn of(session: &Session, (name, value): (String, Value)) -> Self {
        let expires = session.attribute_expires(&name);
        Self { name, value, expires }
    }
}

pub fn set(request: &Request) -> Result<Response, Failure> {
    let form = request.form()?;
    let name = form.required("name")?;
    let value = value::parse(&form.required("type")?, form.value("value").unwrap_or_default())?;
    let lifetime = lifetime(&form)?;
    then_home(request, Access::Optimistic, |session| {
        let Some(seconds) = lifetime else {
            session.set(&name, &value)?;
            return Ok(format!("Attribute {name} set."));
        };
        session.set_with_ttl(&name, &value, u64::from(seconds) * 1000)?;
        Ok(format!("Attribute {name} set for {}.", time::span(u64::from(seconds) * 1000)))
    })
}

/// In seconds; none when the field is empty.
fn lifetime(form: &Form) -> Result<Option<u32>, Failure> {
    let Some(text) = form.value("lifetime").filter(|text| !text.trim().is_empty()) else {
        return Ok(None);
    };
    let seconds = text.trim().parse().ok().filter(|seconds| *seconds > 0);
    seconds.map(Some).ok_or_else(|| Failure::refused(400, "A lifetime is a number of seconds, such as 60."))
}

pub fn remove(request: &Request) -> Result<Response, Failure> {
    let name = request.form()?.required("name")?;
    then_home(request, Access::Optimistic, |session| {
        let removed = session.remove(&name)?;
        Ok(if removed.is_some() {
            format!("Attribute {name} removed.")
        } else {
            format!("There is no attribute {name}.")
        })
    })
}

pub fn card(attributes: &[Attribute], countdowns: &mut Countdowns) -> Markup {
    html! {
        section.card.wide aria-labelledby="attributes" {
            h2 #attributes { "Attributes" }
            @if attributes.is_empty() {
                p.note { "No attributes." }
            } @else {
                div.scroll tabindex="0" role="region" aria-labelledby="attributes" {
                    table {
                        thead {
                            tr {
                                th scope="col" { "Name" } th scope="col" { "Type" } th scope="col" { "Value" }
                                th scope="col" { "Expires" } td {}
                            }
                        }
                        tbody { @for attribute in attributes { (row(attribute, countdowns)) } }
                    }
                }
            }
            (set_form())
        }
    }
}

fn row(Attribute { name, value, expires }: &Attribute, countdowns: &mut Countdowns) -> Markup {
    html! {
        tr {
            th scope="row" { (name) }
            td { span.badge { (value::kind(value)) } }
            td.value { (value::shown(value)) }
            td.age { @if let Some(end) = expires { "in " (countdowns.until(*end)) } @else { "never" } }
            td.end {
                form method="post" action="/attributes/remove" {
                    input type="hidden" name="name" value=(name);
                    button.small aria-label=(format!("Remove {name}")) { "Remove" }
                }
            }
        }
    }
}

fn set_form() -> Markup {
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
            div {
                label for="attribute-lifetime" { "Lifetime in seconds" }
                input #attribute-lifetime name="lifetime" type="number" min="1" max="4294967295" placeholder="unlimited" autocomplete="off";
            }
            button.primary { "Set attribute" }
        }
    }
}
