//! A counter with login.

#![cfg(target_family = "wasm")]

mod http;

use http::Reply;
use session3::sessions::session_manager::{Access, Configuration, Manager, Session, Value};
use session3::sessions::session_store::{Durability, Error, Options};
use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::types::{IncomingRequest, Method, ResponseOutparam};

wit_bindgen::generate!({ path: "../../../wit", world: "application" });
wasip2::http::proxy::export!(Counter);

struct Counter;

impl Guest for Counter {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        respond(&request).unwrap_or_else(|refusal| refusal).send(out);
    }
}

fn respond(request: &IncomingRequest) -> Result<Reply, Reply> {
    let path = http::path(request);
    let access = match (request.method(), &*path) {
        (Method::Get | Method::Head, "/") => Access::Optimistic,
        (Method::Post, "/increment" | "/login" | "/logout") => Access::Exclusive,
        (_, "/") => return Err(Reply::new(405, "Allowed: GET, HEAD.").with("allow", "GET, HEAD")),
        (_, "/increment" | "/login" | "/logout") => {
            return Err(Reply::new(405, "Allowed: POST.").with("allow", "POST"));
        }
        _ => return Err(Reply::new(404, "There is no such page.")),
    };
    if path != "/" {
        http::refuse_other_sites(request)?;
    }
    // Before the session is locked: others would wait while a slow client sends its form.
    let user = if path == "/login" { Some(http::form_value(request, "user")?) } else { None };

    let options = Options { create: true, durability: Durability::Relaxed, size_limit: None, lock_wait: None };
    let manager = Manager::open(".", options, configuration(request))?;
    let session = manager.start_request(&http::values(request, "cookie"), None, access)?;
    match act(&session, &path, user.as_deref()) {
        Ok(reply) => Ok(reply.with_all(manager.finish_successful_request(session)?)),
        Err(error) => Err(Reply::from(error).with_all(manager.finish_failed_request(session))),
    }
}

fn act(session: &Session, path: &str, user: Option<&str>) -> Result<Reply, Error> {
    let count = if let Some(Value::Integer(count)) = session.get("count") { count } else { 0 };
    match path {
        "/increment" => session.set("count", &Value::Integer(count + 1))?,
        "/login" => session.set_user(user)?,
        "/logout" => session.expire()?,
        _ => {
            let user = session.user().unwrap_or_else(|| "-".into());
            return Ok(Reply::new(200, &format!("count={count} user={user}")));
        }
    }
    Ok(Reply::new(303, "Done.").with("location", "/"))
}

/// Not every browser keeps Secure cookies over plain http, so allow others for development on this machine.
fn configuration(request: &IncomingRequest) -> Configuration {
    let configuration = Configuration::new();
    let authority = request.authority().unwrap_or_default();
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => host,
        _ => &authority,
    };
    if ["localhost", "127.0.0.1", "[::1]"].contains(&host) {
        configuration.set_cookie_secure(false);
        configuration.set_cookie_name("session");
    }
    configuration
}

impl From<Error> for Reply {
    fn from(error: Error) -> Self {
        match error {
            Error::Busy => Self::new(503, "Your session is busy. Try again.").with("retry-after", "1"),
            Error::Conflict(_) | Error::Gone => Self::new(409, "Your session was changed elsewhere. Try again."),
            Error::InvalidArgument(_) => Self::new(400, "That cannot be a user's name."),
            // For the log, not the visitor: it may name files.
            error => {
                eprintln!("{error:?}");
                Self::new(500, "The session store failed.")
            }
        }
    }
}
