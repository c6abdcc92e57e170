//! A response over `wasi:http`.

use alloc::{borrow::ToOwned, vec::Vec};

use wasi::http::types::{Fields, OutgoingBody, OutgoingResponse, ResponseOutparam};
use wasi::io::streams::{OutputStream, StreamError};

use crate::bindings::HeaderField;

const HTML: &str = "text/html; charset=utf-8";

/// Sent with every response: load nothing from elsewhere, run no scripts, do not be framed, submit forms only here.
const SECURITY: [(&str, &str); 3] = [
    (
        "content-security-policy",
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    ),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "same-origin"),
];

/// A response, complete before its first byte is sent.
pub struct Response {
    status: u16,
    fields: Vec<HeaderField>,
    body: Vec<u8>,
}

impl Response {
    /// A page. It may show a session, so it must not be cached.
    pub fn page(status: u16, page: maud::Markup) -> Self {
        Self { status, fields: Vec::new(), body: page.into_string().into_bytes() }
            .with("content-type", HTML)
            .with("cache-control", "no-store")
    }

    /// A static file.
    pub fn file(content_type: &str, content: &str) -> Self {
        Self { status: 200, fields: Vec::new(), body: content.as_bytes().to_vec() }
            .with("content-type", content_type)
            .with("cache-control", "public, max-age=600")
    }

    /// Redirects to another page of this site after a change, so that a reload does not repeat it.
    pub fn see_other(path: &str) -> Self {
        let link = maud::html! { p { a href=(path) { "Continue" } } };
        Self::page(303, link).with("location", path)
    }

    /// Sets a header field.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.fields.retain(|(other, _)| !other.eq_ignore_ascii_case(name));
        self.fields.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Adds the header fields that finished the session. They replace the response's fields of the same name, and may
    /// contain several of one name: cookies.
    pub fn with_all(mut self, fields: Vec<HeaderField>) -> Self {
        self.fields.retain(|(own, _)| !fields.iter().any(|(other, _)| other.eq_ignore_ascii_case(own)));
        self.fields.extend(fields);
        self
    }

    /// Sends the response; `without_body` for HEAD. A client that disconnects is ignored.
    pub fn send(self, out: ResponseOutparam, without_body: bool) {
        let fields = Fields::new();
        let security = SECURITY.iter().map(|&(name, value)| (name, value));
        for (name, value) in self.fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).chain(security) {
            // Fields that the host forbids are skipped.
            let _ = fields.append(name, value.as_bytes());
        }
        if !without_body {
            let _ = fields.append("content-length", alloc::format!("{}", self.body.len()).as_bytes());
        }
        let response = OutgoingResponse::new(fields);
        let body = response.set_status_code(self.status).and_then(|()| response.body());
        ResponseOutparam::set(out, Ok(response));
        let Ok(body) = body else { return };
        if !without_body && let Ok(stream) = body.write() {
            let _ = write_all(&stream, &self.body);
        }
        let _ = OutgoingBody::finish(body, None);
    }
}

fn write_all(stream: &OutputStream, mut bytes: &[u8]) -> Result<(), StreamError> {
    while !bytes.is_empty() {
        let room = usize::try_from(stream.check_write()?).unwrap_or(usize::MAX);
        if room == 0 {
            stream.subscribe().block();
            continue;
        }
        let (now, later) = bytes.split_at(room.min(bytes.len()));
        stream.write(now)?;
        bytes = later;
    }
    stream.blocking_flush()
}
