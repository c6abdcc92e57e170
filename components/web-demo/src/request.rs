//! A request over `wasi:http`, and the form in it.

use alloc::{borrow::ToOwned, string::String, vec::Vec};

use wasi::http::types::{Fields, IncomingBody, IncomingRequest, Method, Scheme};
use wasi::io::streams::{InputStream, StreamError};

use crate::failure::Failure;

/// Maximum size of a request body: forms are small.
const BODY_LIMIT: usize = 64 * 1024;

/// A request without its body.
pub struct Request {
    incoming: IncomingRequest,
    fields: Fields,
    pub method: Method,
    pub path: String,
    pub query: String,
    /// The host and port of the request.
    pub authority: String,
    pub is_https: bool,
}

impl Request {
    pub fn new(incoming: IncomingRequest) -> Self {
        let target = incoming.path_with_query().unwrap_or_default();
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        Self {
            fields: incoming.headers(),
            method: incoming.method(),
            path: path.to_owned(),
            query: query.to_owned(),
            authority: incoming.authority().unwrap_or_default(),
            is_https: matches!(incoming.scheme(), Some(Scheme::Https)),
            incoming,
        }
    }

    /// The values of all header fields of this name. Invalid UTF-8 is replaced: it must not hide the rest.
    pub fn fields(&self, name: &str) -> Vec<String> {
        self.fields.get(name).iter().map(|value| String::from_utf8_lossy(value).into_owned()).collect()
    }

    /// The value of the first header field of this name.
    pub fn field(&self, name: &str) -> Option<String> {
        self.fields(name).into_iter().next()
    }

    /// A query parameter; none when absent or empty.
    pub fn parameter(&self, name: &str) -> Option<String> {
        Form(self.query.as_bytes().to_vec()).value(name).filter(|value| !value.is_empty())
    }

    /// All values of a query parameter.
    pub fn parameters(&self, name: &str) -> Vec<String> {
        Form(self.query.as_bytes().to_vec()).values(name).collect()
    }

    /// Whether a browser prefetches a page that may never be viewed: the standard field and older ones.
    pub fn is_prefetch(&self) -> bool {
        let purposes = ["sec-purpose", "purpose", "x-purpose", "x-moz"].into_iter().flat_map(|name| self.fields(name));
        purposes.into_iter().any(|purpose| {
            purpose.split([';', ',']).any(|purpose| matches!(purpose.trim(), "prefetch" | "prerender" | "preview"))
        })
    }

    /// The form in the body, read completely before any of it is used.
    pub fn form(&self) -> Result<Form, Failure> {
        let announced = self.field("content-length").and_then(|length| length.trim().parse().ok()).unwrap_or(0usize);
        if announced > BODY_LIMIT {
            return Err(too_long());
        }
        let incomplete = || Failure::refused(400, "The request did not arrive in full.");
        let body = self.incoming.consume().map_err(|()| incomplete())?;
        let read = read_body(&body.stream().map_err(|()| incomplete())?).map_err(|_| incomplete());
        drop(IncomingBody::finish(body));
        read?.map(Form).ok_or_else(too_long)
    }
}

fn too_long() -> Failure {
    Failure::refused(413, "The form is longer than 64 KiB.")
}

/// The whole body; none when it exceeds the limit.
fn read_body(stream: &InputStream) -> Result<Option<Vec<u8>>, StreamError> {
    let mut body = Vec::new();
    loop {
        // One byte over the limit, to detect a longer body.
        let room = BODY_LIMIT + 1 - body.len();
        match stream.blocking_read(room as u64) {
            Ok(part) => body.extend_from_slice(&part),
            Err(StreamError::Closed) => return Ok(Some(body)),
            Err(error) => return Err(error),
        }
        if body.len() > BODY_LIMIT {
            return Ok(None);
        }
    }
}

/// An `application/x-www-form-urlencoded` form.
pub struct Form(Vec<u8>);

impl Form {
    /// The first value of this name.
    pub fn value(&self, name: &str) -> Option<String> {
        self.values(name).next()
    }

    fn values(&self, name: &str) -> impl Iterator<Item = String> {
        form_urlencoded::parse(&self.0).filter(move |(key, _)| key == name).map(|(_, value)| value.into_owned())
    }

    /// The first value of this name; our pages always send it.
    pub fn required(&self, name: &str) -> Result<String, Failure> {
        self.value(name).ok_or_else(|| Failure::refused(400, &alloc::format!("The form has no field “{name}”.")))
    }
}
