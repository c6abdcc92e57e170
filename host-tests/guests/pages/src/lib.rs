//! One page for benchmarks: `/plain` without a session, `/read` with one that is read, `/change` with one that is
//! changed, and `/new`, which starts one with 1 KiB of attributes.

#![cfg(target_family = "wasm")]

mod bindings;

use bindings::{Access, Configuration, Durability, Error, HeaderField, Manager, Options, Session, Value};
use wasi::exports::http::incoming_handler::Guest;
use wasi::http::types::{Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam};

/// Bytes of the page, besides its counter.
const PAGE: usize = 1024;

struct Pages;

impl Guest for Pages {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let path = request.path_with_query().unwrap_or_default();
        let found = match path.as_str() {
            "/plain" => Ok((0, Vec::new())),
            "/read" => visit(&request, Access::Optimistic, |_| Ok(())),
            "/change" => visit(&request, Access::Optimistic, |visit| visit.count()),
            "/new" => visit(&request, Access::Optimistic, |visit| visit.fill()),
            _ => panic!("unknown path {path}"),
        };
        match found {
            Ok((count, fields)) => answer(out, 200, fields, &format!("{count}{}", ".".repeat(PAGE))),
            Err(error) => answer(out, 500, Vec::new(), &format!("{error:?}")),
        }
    }
}

struct Visit {
    session: Session,
    count: i64,
}

impl Visit {
    fn count(&mut self) -> Result<(), Error> {
        self.count += 1;
        self.session.set("count", &Value::Integer(self.count))
    }

    fn fill(&mut self) -> Result<(), Error> {
        self.session.set("filler", &Value::Text("x".repeat(1024)))
    }
}

fn visit(
    request: &IncomingRequest,
    access: Access,
    act: impl FnOnce(&mut Visit) -> Result<(), Error>,
) -> Result<(i64, Vec<HeaderField>), Error> {
    let options = Options { create: true, durability: Durability::Relaxed, size_limit: None, lock_wait: None };
    let configuration = Configuration::new();
    configuration.set_cookie_secure(false);
    configuration.set_cookie_name("session");
    let manager = Manager::open(".", options, configuration)?;
    let session = manager.start_request(&cookies(request), None, access)?;
    let count = if let Some(Value::Integer(count)) = session.get("count") { count } else { 0 };
    let mut visit = Visit { session, count };
    act(&mut visit)?;
    Ok((visit.count, manager.finish_successful_request(visit.session)?))
}

fn cookies(request: &IncomingRequest) -> Vec<String> {
    request.headers().get("cookie").iter().map(|value| String::from_utf8_lossy(value).into_owned()).collect()
}

fn answer(out: ResponseOutparam, status: u16, fields: Vec<HeaderField>, page: &str) {
    let headers = Fields::new();
    for (name, value) in &fields {
        headers.append(name, value.as_bytes()).unwrap();
    }
    headers.append("content-length", page.len().to_string().as_bytes()).unwrap();
    let response = OutgoingResponse::new(headers);
    response.set_status_code(status).unwrap();
    let body = response.body().unwrap();
    ResponseOutparam::set(out, Ok(response));
    let stream = body.write().unwrap();
    // The client may be gone.
    let _ = stream.blocking_write_and_flush(page.as_bytes());
    drop(stream);
    let _ = OutgoingBody::finish(body, None);
}

wasi::http::proxy::export!(Pages);
