//! An HTTP client of the demo, with a cookie jar.

use std::sync::Arc;

use reqwest::cookie::{CookieStore, Jar};
use reqwest::header::HeaderMap;
use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder, Method, RequestBuilder, Response};

use crate::server::Server;

/// A client that keeps cookies and follows redirects, as browsers do. A cookie is for all ports of a host.
pub struct Visitor {
    client: Client,
    jar: Arc<Jar>,
}

impl Visitor {
    /// Creates a client without cookies.
    pub fn new() -> Self {
        Self::build(Client::builder())
    }

    /// Creates a client with this `User-Agent`.
    pub fn with_user_agent(user_agent: &str) -> Self {
        Self::build(Client::builder().user_agent(user_agent))
    }

    fn build(client: ClientBuilder) -> Self {
        let jar = Arc::new(Jar::default());
        let client = client.no_proxy().cookie_provider(jar.clone()).build().unwrap();
        Self { client, jar }
    }

    /// Uses the cookie of another client, from [`cookie`](Self::cookie).
    pub fn take_cookie(&self, server: &Server, cookie: &str) {
        self.jar.add_cookie_str(cookie, &server.url("/").parse().unwrap());
    }

    /// Creates a client with a session.
    pub async fn with_session(server: &Server) -> Self {
        let visitor = Self::new();
        assert_eq!(visitor.post(server, "/keep", &[]).await.status, 200);
        visitor
    }

    /// Sends a `GET` request.
    pub async fn get(&self, server: &Server, path: &str) -> Page {
        Page::of(self.client.get(server.url(path))).await
    }

    /// Submits a form.
    pub async fn post(&self, server: &Server, path: &str, form: &[(&str, &str)]) -> Page {
        Page::of(self.client.post(server.url(path)).form(form)).await
    }

    /// The cookies for a server, as a request would send them: `session3=ID.SECRET`, or an empty string.
    pub fn cookie(&self, server: &Server) -> String {
        let cookies = self.jar.cookies(&server.url("/").parse().unwrap());
        cookies.map_or_else(String::new, |cookies| cookies.to_str().unwrap().into())
    }

    /// The secret in the cookie.
    #[track_caller]
    pub fn secret(&self, server: &Server) -> String {
        let cookie = self.cookie(server);
        let (_, secret) = cookie.split_once('.').unwrap_or_else(|| panic!("no secret in {cookie:?}"));
        secret.into()
    }
}

impl Default for Visitor {
    fn default() -> Self {
        Self::new()
    }
}

/// A single request without a cookie jar. Redirects are not followed.
pub fn request(server: &Server, method: Method, path: &str) -> RequestBuilder {
    let client = Client::builder().no_proxy().redirect(Policy::none()).build().unwrap();
    client.request(method, server.url(path))
}

/// A response.
#[derive(Debug)]
pub struct Page {
    /// The status.
    pub status: u16,
    /// The header fields.
    pub headers: HeaderMap,
    /// The body.
    pub text: String,
}

impl Page {
    /// Sends a request and reads the response.
    pub async fn of(request: RequestBuilder) -> Self {
        let response: Response = request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Self { status, headers, text: response.text().await.unwrap() }
    }

    /// The values of a header field.
    pub fn fields(&self, name: &str) -> Vec<&str> {
        self.headers.get_all(name).iter().map(|value| value.to_str().unwrap()).collect()
    }

    /// The text of the page between two others.
    pub fn between(&self, before: &str, after: &str) -> Option<&str> {
        let (_, rest) = self.text.split_once(before)?;
        Some(rest.split_once(after)?.0)
    }

    /// The page's notice about the previous request, if any.
    pub fn notice(&self) -> Option<&str> {
        self.between(r#"role="status">"#, "<")
    }

    /// The session's id on the home page.
    #[track_caller]
    pub fn id(&self) -> Option<&str> {
        let id = self.between("Your session ID is ", "<").unwrap_or_else(|| panic!("no home page: {self:#?}"));
        Some(id).filter(|id| *id != "None")
    }

    /// The counter on the home page.
    #[track_caller]
    pub fn counter(&self) -> i64 {
        let counter = self.between("Counter is at ", ".").unwrap_or_else(|| panic!("no home page: {self:#?}"));
        counter.parse().unwrap()
    }
}
