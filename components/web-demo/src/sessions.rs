//! A request's session, from its cookies to the header fields of the response.

use alloc::vec::Vec;

use wasi::http::types::Method;

use crate::bindings::{
    Access, CapPolicy, Configuration, Durability, HeaderField, Manager, Milliseconds, Options, Session, Store,
};
use crate::client;
use crate::failure::Failure;
use crate::origin;
use crate::request::Request;

/// The preopened directory itself.
const LOCATION: &str = ".";

/// The cookie name on plain http, which forbids `__Host-session`. Cookies are shared by all ports of a host, and other
/// applications on this machine use `session`.
const PLAIN_NAME: &str = "session3";

/// Maximum number of sessions of one user, of new ones per address and minute, and in total.
pub const SESSIONS_OF_USER: u32 = 100;
pub const NEW_SESSIONS: u32 = 60;
pub const ALL_SESSIONS: u64 = 100_000;
/// Maximum size of their data in bytes.
pub const ALL_BYTES: u64 = 256 << 20;
/// A session whose cookie has not returned by then was a crawler's.
pub const UNRETURNED_MINUTES: Milliseconds = 10;

const OPTIONS: Options = Options { create: true, durability: Durability::Relaxed, size_limit: None, lock_wait: None };

/// What a request got from its session, once stored, and the header fields to send.
pub struct Finished<T> {
    pub value: T,
    pub fields: Vec<HeaderField>,
}

/// Works on the request's session and finishes it, as successful or failed like the work. Pages are built from the
/// result, so none reports something that was not stored.
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

/// The access of a page that shows something: read-only if no one sees it, so that flash values stay in the session.
pub fn to_show(request: &Request) -> Access {
    if matches!(request.method, Method::Head) || request.is_prefetch() { Access::ReadOnly } else { Access::Optimistic }
}

pub fn manager(request: &Request) -> Result<Manager, Failure> {
    let configuration = Configuration::new();
    if is_plain_loopback(request) {
        // Browsers differ on Secure cookies over http://localhost, and `__Host-` needs Secure.
        configuration.set_cookie_secure(false);
        configuration.set_cookie_name(PLAIN_NAME);
    }
    // No limits for visitors on their own machine.
    if client::is_elsewhere(request) {
        limit(&configuration);
    }
    Ok(Manager::open(LOCATION, OPTIONS, configuration)?)
}

fn limit(configuration: &Configuration) {
    configuration.set_session_cap(Some(SESSIONS_OF_USER), CapPolicy::EndOldest);
    configuration.set_new_session_limit(Some(NEW_SESSIONS));
    configuration.set_store_limits(Some(ALL_SESSIONS), Some(ALL_BYTES));
    configuration.set_unconfirmed_timeout(Some(UNRETURNED_MINUTES * 60_000));
}

pub fn is_plain_loopback(request: &Request) -> bool {
    !request.is_https && origin::is_loopback(&request.authority)
}

pub fn store() -> Result<Store, Failure> {
    Ok(Store::open(LOCATION, OPTIONS)?)
}
