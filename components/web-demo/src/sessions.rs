//! A request's session, from its cookies to the header fields of the answer.

use alloc::vec::Vec;

use wasi::http::types::Method;

use crate::bindings::{Access, Configuration, Durability, HeaderField, Manager, Options, Session, Store};
use crate::client;
use crate::failure::Failure;
use crate::http::Request;
use crate::origin;

/// The preopened directory itself.
const LOCATION: &str = ".";

const OPTIONS: Options = Options { create: true, durability: Durability::Relaxed, size_limit: None, lock_wait: None };

/// What a request got from its session, once that is stored, and the header fields to send.
pub struct Finished<T> {
    pub value: T,
    pub fields: Vec<HeaderField>,
}

/// Work on the request's session and finish it, as successful or failed like the work. Pages are made from what comes
/// back, so none says what was not stored after all.
pub fn work<T>(
    request: &Request,
    access: Access,
    work: impl FnOnce(&Session) -> Result<T, Failure>,
) -> Result<Finished<T>, Failure> {
    let manager = manager(request)?;
    let session = manager.start_request_of(&request.fields("cookie"), &client::of(request), access)?;
    match work(&session) {
        Ok(value) => Ok(Finished { value, fields: manager.finish_successful_request(session)? }),
        Err(failure) => Err(failure.with_all(manager.finish_failed_request(session))),
    }
}

/// The access of a page that shows something: what it takes from the session, HEAD leaves there.
pub fn to_show(request: &Request) -> Access {
    if matches!(request.method, Method::Head) { Access::ReadOnly } else { Access::Optimistic }
}

pub fn manager(request: &Request) -> Result<Manager, Failure> {
    let configuration = Configuration::new();
    if is_plain_loopback(request) {
        // Browsers differ on Secure cookies over http://localhost, and `__Host-` needs Secure.
        configuration.set_cookie_secure(false);
        configuration.set_cookie_name("session");
    }
    Ok(Manager::open(LOCATION, OPTIONS, configuration)?)
}

pub fn is_plain_loopback(request: &Request) -> bool {
    !request.is_https && origin::is_loopback(&request.authority)
}

pub fn store() -> Result<Store, Failure> {
    Ok(Store::open(LOCATION, OPTIONS)?)
}
