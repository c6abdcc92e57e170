//! A minimal browser: it stores cookies and sends them back.

use std::collections::BTreeMap;

use crate::bindings::{Access, Answer};
use crate::client::{HeaderField, Manager, Session};

/// The address of every browser.
pub const PEER: &str = "192.0.2.7";

/// A browser's cookies for one site.
#[derive(Clone, Debug, Default)]
pub struct Browser {
    cookies: BTreeMap<String, String>,
}

impl Browser {
    /// Creates a browser without cookies.
    pub fn new() -> Self {
        Self::default()
    }

    /// Creates a browser with one cookie.
    pub fn with(name: &str, value: &str) -> Self {
        Self { cookies: [(name.into(), value.into())].into() }
    }

    /// The values of the `Cookie` header fields of the next request.
    pub fn cookies(&self) -> Vec<String> {
        let pairs: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        if pairs.is_empty() { vec![] } else { vec![pairs.join("; ")] }
    }

    /// The value of the only cookie.
    #[track_caller]
    pub fn cookie(&self) -> &str {
        let values: Vec<_> = self.cookies.values().collect();
        let [value] = values[..] else { panic!("expected one cookie, got {:?}", self.cookies) };
        value
    }

    /// Whether it has a cookie.
    pub fn has_cookie(&self) -> bool {
        !self.cookies.is_empty()
    }

    /// Applies the `Set-Cookie` fields of a response.
    #[track_caller]
    pub fn receive(&mut self, fields: &[HeaderField]) {
        for cookie in set_cookies(fields) {
            if cookie.attributes.get("max-age").is_some_and(|age| age == "0") {
                self.cookies.remove(&cookie.name);
            } else {
                self.cookies.insert(cookie.name, cookie.value);
            }
        }
    }

    /// Makes a request that succeeds.
    pub async fn visit<T>(
        &mut self,
        manager: &Manager,
        access: Access,
        work: impl AsyncFnOnce(&Session) -> T,
    ) -> Answer<T> {
        let session = self.start(manager, access).await?;
        let result = work(&session).await;
        let fields = manager.finish(session).await?;
        self.receive(&fields);
        Ok(result)
    }

    /// Makes a request that fails.
    pub async fn fail<T>(
        &mut self,
        manager: &Manager,
        access: Access,
        work: impl AsyncFnOnce(&Session) -> T,
    ) -> Answer<T> {
        let session = self.start(manager, access).await?;
        let result = work(&session).await;
        let fields = manager.fail(session).await;
        self.receive(&fields);
        Ok(result)
    }

    /// Makes a request without changes. Returns the id of the session it finds, or none for a new one.
    pub async fn look(&mut self, manager: &Manager) -> Option<String> {
        self.visit(manager, Access::Optimistic, async |session| session.id().await).await.unwrap()
    }

    /// Starts a request.
    pub async fn start(&self, manager: &Manager, access: Access) -> Answer<Session> {
        manager.start(&self.cookies(), Some(PEER), access).await
    }
}

/// Creates a session with a new browser.
pub async fn new_session(manager: &Manager) -> Browser {
    let mut browser = Browser::new();
    browser.visit(manager, Access::Optimistic, async |session| session.increment("visits").await).await.unwrap();
    browser
}

/// A parsed `Set-Cookie` field.
#[derive(Clone, Debug)]
pub struct SetCookie {
    /// The cookie's name.
    pub name: String,
    /// The cookie's value.
    pub value: String,
    /// The attributes, names in lower case; a missing value is empty.
    pub attributes: BTreeMap<String, String>,
}

/// The cookies that a response sets.
#[track_caller]
pub fn set_cookies(fields: &[HeaderField]) -> Vec<SetCookie> {
    let fields = fields.iter().filter(|(name, _)| name.eq_ignore_ascii_case("set-cookie"));
    fields.map(|(_, text)| parse(text)).collect()
}

#[track_caller]
fn parse(text: &str) -> SetCookie {
    let mut parts = text.split("; ");
    let (name, value) = parts.next().and_then(|pair| pair.split_once('=')).expect("name=value");
    let attributes = parts.map(|part| {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        (name.to_ascii_lowercase(), value.to_owned())
    });
    SetCookie { name: name.into(), value: value.into(), attributes: attributes.collect() }
}
