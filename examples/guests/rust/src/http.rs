//! HTTP requests and replies.

use std::io::{Read, Write};

use wasip2::http::types::{Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam};

const BODY_LIMIT: u64 = 4096;

pub fn path(request: &IncomingRequest) -> String {
    request.path_with_query().unwrap_or_default().split('?').next().unwrap_or_default().to_owned()
}

/// The values of all header fields with this name.
pub fn values(request: &IncomingRequest, name: &str) -> Vec<String> {
    request.headers().get(name).iter().map(|value| String::from_utf8_lossy(value).into_owned()).collect()
}

/// Refuse cross-site requests. A login form needs no cookie, so `SameSite` is not enough.
pub fn refuse_other_sites(request: &IncomingRequest) -> Result<(), Reply> {
    let ours = request.authority().unwrap_or_default();
    let is_origin_ours = |origin: &String| {
        let theirs = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
        theirs.is_some_and(|theirs| theirs.eq_ignore_ascii_case(&ours))
    };
    let is_ours = match &values(request, "sec-fetch-site")[..] {
        [] => values(request, "origin").iter().all(is_origin_ours),
        [site] => site == "same-origin" || site == "none",
        _ => false,
    };
    if is_ours { Ok(()) } else { Err(Reply::new(403, "This came from another site.")) }
}

/// A field of the form in the body.
pub fn form_value(request: &IncomingRequest, name: &str) -> Result<String, Reply> {
    let mut form = Vec::new();
    let read = request.consume().and_then(|body| {
        let stream = body.stream()?;
        stream.take(BODY_LIMIT + 1).read_to_end(&mut form).map_err(drop)
    });
    match read {
        Err(()) => Err(Reply::new(400, "The form did not arrive in full.")),
        Ok(length) if length as u64 > BODY_LIMIT => Err(Reply::new(413, "The form is too long.")),
        Ok(_) => form_urlencoded::parse(&form)
            .find_map(|(key, value)| (key == name).then(|| value.into_owned()))
            .ok_or_else(|| Reply::new(400, &format!("The form has no field \"{name}\"."))),
    }
}

pub struct Reply {
    status: u16,
    fields: Vec<(String, String)>,
    text: String,
}

impl Reply {
    pub fn new(status: u16, text: &str) -> Self {
        Self { status, fields: Vec::new(), text: format!("{text}\n") }
    }

    pub fn with(self, name: &str, value: &str) -> Self {
        self.with_all(vec![(name.into(), value.into())])
    }

    /// Add header fields. Names may repeat, such as Set-Cookie.
    pub fn with_all(mut self, fields: Vec<(String, String)>) -> Self {
        self.fields.extend(fields);
        self
    }

    /// Send it, ignoring a client that disconnects.
    pub fn send(self, out: ResponseOutparam) {
        let fields = Fields::new();
        for (name, value) in &self.fields {
            let _ = fields.append(name, value.as_bytes());
        }
        let _ = fields.set("content-type", &[b"text/plain; charset=utf-8".to_vec()]);
        let _ = fields.set("cache-control", &[b"no-store".to_vec()]);
        let response = OutgoingResponse::new(fields);
        let _ = response.set_status_code(self.status);
        let body = response.body();
        ResponseOutparam::set(out, Ok(response));
        let Ok(body) = body else { return };
        if let Ok(mut stream) = body.write() {
            let _ = stream.write_all(self.text.as_bytes());
        }
        let _ = OutgoingBody::finish(body, None);
    }
}
