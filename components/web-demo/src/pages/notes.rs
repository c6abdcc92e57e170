//! Notes that several tabs edit at once. Each field is a separate attribute, so changes to different fields are both
//! kept. A form contains the texts it was built from; a field that has changed since is not overwritten, the visitor
//! decides.

mod conflict;
mod edit;
mod page;

use alloc::{borrow::ToOwned, format, string::String};

use self::edit::{Edit, FIELDS};
use super::actions::then;
use super::notice;
use crate::bindings::{Access, Error, Session, Value};
use crate::failure::{Failure, Reason};
use crate::request::Request;
use crate::response::Response;
use crate::sessions;

const PATH: &str = "/notes";

/// The attribute of the shared counter.
const COUNTER: &str = "shared counter";

/// Maximum attempts of a request that conflicts with another.
const ATTEMPTS: u32 = 5;

pub fn show(request: &Request) -> Result<Response, Failure> {
    let shown = sessions::work(request, sessions::to_show(request), |session| {
        let notice = notice::take(session);
        let texts = FIELDS.map(|field| edit::stored(session, field));
        let count = if let Some(Value::Integer(count)) = session.get(COUNTER) { count } else { 0 };
        Ok(page::page(notice.as_deref(), &texts, count))
    })?;
    Ok(Response::page(200, shown.value).with_all(shown.fields))
}

pub fn save(request: &Request) -> Result<Response, Failure> {
    let form = request.form()?;
    let [title, text] = FIELDS.map(|field| Edit::of(&form, field));
    let edits = [title?, text?];
    for _ in 0..ATTEMPTS {
        match then(request, Access::Optimistic, PATH, |session| apply(session, &edits)) {
            // Another tab saved meanwhile: retry with what is stored now.
            Err(Failure { reason: Reason::Sessions(Error::Conflict(_)), .. }) => {}
            outcome => return outcome,
        }
    }
    Err(Error::Busy.into())
}

/// Stores the changes of the form, all or nothing.
fn apply(session: &Session, edits: &[Edit; 2]) -> Result<String, Failure> {
    let stored = FIELDS.map(|field| edit::stored(session, field));
    if edits.iter().zip(&stored).any(|(edit, stored)| edit.is_conflict(stored)) {
        return Err(Reason::Asks(409, conflict::page(edits, &stored)).into());
    }
    let mut changed = false;
    for ((edit, stored), field) in edits.iter().zip(&stored).zip(FIELDS) {
        if edit.is_change() && edit.text != *stored {
            session.set(field.attribute, &Value::Text(edit.text.clone()))?;
            changed = true;
        }
    }
    Ok(if changed { "The notes are saved." } else { "There was nothing to change." }.to_owned())
}

/// Does not wait for other tabs, and never conflicts: increments add up.
pub fn count(request: &Request) -> Result<Response, Failure> {
    then(request, Access::Optimistic, PATH, |session| {
        let count = session.increment(COUNTER, 1)?;
        Ok(format!("Counted. That makes {count}, or more if another tab counts right now."))
    })
}
