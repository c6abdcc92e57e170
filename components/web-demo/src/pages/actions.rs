//! Session3's links, which are buttons here. Each redirects to the home page, which shows the result; those that fail
//! on purpose end here.

use alloc::{borrow::ToOwned, format, string::String};

use super::notice;
use crate::bindings::{Access, Error, Session, Value};
use crate::failure::{Failure, Reason};
use crate::request::Request;
use crate::response::Response;
use crate::sessions;

/// The attribute of the counter.
pub const COUNTER: &str = "counter";

/// Works on a session, then redirects to another page, which shows what was done.
pub fn then(
    request: &Request,
    access: Access,
    page: &str,
    work: impl FnOnce(&Session) -> Result<String, Failure>,
) -> Result<Response, Failure> {
    let finished = sessions::work(request, access, |session| notice::leave(session, &work(session)?))?;
    Ok(Response::see_other(page).with_all(finished.fields))
}

pub fn then_home(
    request: &Request,
    access: Access,
    work: impl FnOnce(&Session) -> Result<String, Failure>,
) -> Result<Response, Failure> {
    then(request, access, "/", work)
}

/// Gives the session something to keep, and thereby an id.
pub fn keep(request: &Request) -> Result<Response, Failure> {
    then_home(request, Access::Optimistic, |session| {
        session.set("keep", &Value::Boolean(true))?;
        Ok("The session is kept.".to_owned())
    })
}

pub fn increment(request: &Request) -> Result<Response, Failure> {
    // Exclusive: concurrent requests each add one.
    then_home(request, Access::Exclusive, count)
}

pub fn increment_and_fail(request: &Request) -> Result<Response, Failure> {
    then_home(request, Access::Exclusive, |session| count(session).and(Err(Reason::OnPurpose.into())))
}

pub fn logout(request: &Request) -> Result<Response, Failure> {
    let home = format!("/?{}", notice::LOGGED_OUT);
    match sessions::work(request, Access::Optimistic, |session| Ok(session.expire()?)) {
        Ok(finished) => Ok(Response::see_other(&home).with_all(finished.fields)),
        // Already ended elsewhere, as requested.
        Err(Failure { reason: Reason::Sessions(Error::Gone), .. }) => Ok(Response::see_other(&home)),
        Err(failure) => Err(failure),
    }
}

pub fn logout_and_fail(request: &Request) -> Result<Response, Failure> {
    then_home(request, Access::Optimistic, |session| {
        session.expire()?;
        Err(Reason::OnPurpose.into())
    })
}

fn count(session: &Session) -> Result<String, Failure> {
    let next = match session.get(COUNTER) {
        None => Some(1),
        Some(Value::Integer(count)) => count.checked_add(1),
        Some(_) => None,
    };
    let next = next.ok_or_else(|| {
        Failure::refused(400, "The attribute “counter” is not an integer, or is at its maximum. Remove it first.")
    })?;
    session.set(COUNTER, &Value::Integer(next))?;
    Ok("One was added to the counter.".to_owned())
}
