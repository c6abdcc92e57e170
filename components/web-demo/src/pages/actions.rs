//! What Session3's links do, and the login. Each goes on at the home page, which shows what came of it; those that fail
//! on purpose end here.

use crate::bindings::{Access, Error, Session, Value};
use crate::failure::{Failure, Reason};
use crate::http::{Request, Response};
use crate::sessions;

/// The attribute that `increment` counts in.
pub const COUNTER: &str = "counter";

/// The outcome of work on a session, shown by the home page.
pub fn then_home(
    request: &Request,
    access: Access,
    work: impl FnOnce(&Session) -> Result<(), Failure>,
) -> Result<Response, Failure> {
    let finished = sessions::work(request, access, work)?;
    Ok(Response::see_other("/").with_all(finished.fields))
}

/// Gives the session something to keep, and thereby an id.
pub fn keep(request: &Request) -> Result<Response, Failure> {
    then_home(request, Access::Optimistic, |session| Ok(session.set("keep", &Value::Boolean(true))?))
}

pub fn increment(request: &Request) -> Result<Response, Failure> {
    // Exclusive: of requests that come at once each adds its one.
    then_home(request, Access::Exclusive, count)
}

pub fn increment_and_fail(request: &Request) -> Result<Response, Failure> {
    then_home(request, Access::Exclusive, |session| count(session).and(Err(Reason::OnPurpose.into())))
}

pub fn logout(request: &Request) -> Result<Response, Failure> {
    match then_home(request, Access::Optimistic, |session| Ok(session.expire()?)) {
        // Ended elsewhere meanwhile: that is what was asked for.
        Err(Failure { reason: Reason::Sessions(Error::Gone), .. }) => Ok(Response::see_other("/")),
        outcome => outcome,
    }
}

pub fn logout_and_fail(request: &Request) -> Result<Response, Failure> {
    then_home(request, Access::Optimistic, |session| {
        session.expire()?;
        Err(Reason::OnPurpose.into())
    })
}

pub fn login(request: &Request) -> Result<Response, Failure> {
    let form = request.form()?;
    let name = form.required("user")?;
    let name = name.trim();
    if name.is_empty() || name.len() > 256 {
        return Err(Failure::refused(400, "A name has 1 to 256 bytes."));
    }
    then_home(request, Access::Optimistic, |session| Ok(session.set_user(Some(name))?))
}

fn count(session: &Session) -> Result<(), Failure> {
    let next = match session.get(COUNTER) {
        None => Some(1),
        Some(Value::Integer(count)) => count.checked_add(1),
        Some(_) => None,
    };
    let next = next.ok_or_else(|| {
        Failure::refused(400, "The attribute “counter” is no integer, or the largest there is. Remove it first.")
    })?;
    Ok(session.set(COUNTER, &Value::Integer(next))?)
}
