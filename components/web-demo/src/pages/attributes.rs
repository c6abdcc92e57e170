//! Changing attributes, from the home page.

use super::actions::then_home;
use super::value;
use crate::bindings::Access;
use crate::failure::Failure;
use crate::http::{Request, Response};

pub fn set(request: &Request) -> Result<Response, Failure> {
    let form = request.form()?;
    let name = form.required("name")?;
    let value = value::parse(&form.required("type")?, form.value("value").unwrap_or_default())?;
    then_home(request, Access::Optimistic, |session| Ok(session.set(&name, &value)?))
}

pub fn remove(request: &Request) -> Result<Response, Failure> {
    let name = request.form()?.required("name")?;
    then_home(request, Access::Optimistic, |session| {
        session.remove(&name)?;
        Ok(())
    })
}
