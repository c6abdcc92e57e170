//! A site and its visitors: sequential requests.

use std::cell::RefCell;
use std::collections::VecDeque;

use session_core::SessionId;
use session_core::attributes::Value;
use session_core::client::Client;
use session_core::configuration::Configuration;
use session_core::cookie::HeaderField;
use session_core::error::Result;
use session_core::events::Event;
use session_core::manager::Manager;
use session_core::session::{Access, Session};

use crate::memory::{Guard, Memory};

pub const MINUTE: u64 = 60_000;
pub const HOUR: u64 = 60 * MINUTE;

/// A time in 2026.
pub const START: u64 = 1_795_000_000_000;

pub struct Site {
    pub store: Memory,
    pub manager: Manager<Memory, Memory>,
    drawn: RefCell<u128>,
    /// The generator's first outputs, before the unique ones.
    pub rigged: RefCell<VecDeque<[u8; 16]>>,
}

/// A client with one cookie.
#[derive(Clone, Default)]
pub struct Browser {
    pub cookie: Option<String>,
}

impl Default for Site {
    fn default() -> Self {
        Self::with(Configuration::default())
    }
}

impl Site {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn with(configuration: Configuration) -> Self {
        let store = Memory::default();
        store.inner().now = START;
        let manager = Manager::new(store.clone(), store.clone(), configuration).expect("a valid configuration");
        Self { store, manager, drawn: RefCell::default(), rigged: RefCell::default() }
    }

    pub fn now(&self) -> u64 {
        self.store.inner().now
    }

    pub fn wait(&self, milliseconds: u64) {
        self.store.inner().now += milliseconds;
    }

    pub fn random(&self) -> [u8; 16] {
        if let Some(rigged) = self.rigged.borrow_mut().pop_front() {
            return rigged;
        }
        *self.drawn.borrow_mut() += 1;
        // Never repeats, and all digits occur.
        self.drawn.borrow().wrapping_mul(0xfedc_ba98_7654_3210_0123_4567_89ab_cdef).to_be_bytes()
    }

    #[track_caller]
    pub fn start(&self, browser: &Browser, access: Access) -> Session<Guard> {
        self.try_start(browser, access).expect("start")
    }

    pub fn try_start(&self, browser: &Browser, access: Access) -> Result<Session<Guard>> {
        self.manager.start_request(&browser.fields(), Client::at(Some("192.0.2.1")), access, self.now())
    }

    /// Returns the response's fields, but none if they only keep it out of caches.
    pub fn try_finish(&self, browser: &mut Browser, session: Session<Guard>) -> Result<Vec<HeaderField>> {
        let is_of_session = session.id().is_some();
        let fields = self.manager.finish_successful_request(session, self.now(), &mut || self.random())?;
        assert!(!is_of_session || is_private(&fields), "{fields:?}");
        browser.receive(&fields);
        Ok(if fields.len() == 2 { Vec::new() } else { fields })
    }

    #[track_caller]
    pub fn finish(&self, browser: &mut Browser, session: Session<Guard>) -> Vec<HeaderField> {
        self.try_finish(browser, session).expect("finish")
    }

    /// Runs one successful request.
    #[track_caller]
    pub fn visit(&self, browser: &mut Browser, work: impl FnOnce(&mut Session<Guard>)) -> Vec<HeaderField> {
        let mut session = self.start(browser, Access::Optimistic);
        work(&mut session);
        self.finish(browser, session)
    }

    /// The events since the last call of this function.
    pub fn events(&self) -> Vec<Event> {
        std::mem::take(&mut self.store.inner().events).into_iter().map(|(_, event)| event).collect()
    }

    /// The id of the browser's session.
    #[track_caller]
    pub fn id(&self, browser: &Browser) -> Option<SessionId> {
        self.start(browser, Access::ReadOnly).id().cloned()
    }

    /// The value of an attribute, as a request sees it.
    #[track_caller]
    pub fn see(&self, browser: &Browser, name: &str) -> Option<Value> {
        self.start(browser, Access::ReadOnly).get(name).cloned()
    }

    /// A visitor with a session in which `a` is 1.
    #[track_caller]
    pub fn visitor(&self) -> Browser {
        let mut browser = Browser::default();
        self.visit(&mut browser, |session| set(session, "a", 1));
        assert!(browser.cookie.is_some());
        self.store.calls();
        browser
    }
}

impl Browser {
    pub fn with(cookie: impl Into<String>) -> Self {
        Self { cookie: Some(cookie.into()) }
    }

    pub fn fields(&self) -> Vec<String> {
        self.cookie.iter().map(|value| format!("theme=dark; __Host-session={value}; lang=de")).collect()
    }

    pub fn receive(&mut self, fields: &[HeaderField]) {
        for (_, value) in fields.iter().filter(|(name, _)| name == "set-cookie") {
            let (pair, attributes) = value.split_once("; ").expect("attributes");
            let (name, value) = pair.split_once('=').expect("name=value");
            assert_eq!(name, "__Host-session");
            let revoked = attributes.contains("Max-Age=0");
            assert_eq!(revoked, value.is_empty());
            self.cookie = (!revoked).then(|| value.to_string());
        }
    }
}

/// Whether the response is kept out of shared caches.
pub fn is_private(fields: &[HeaderField]) -> bool {
    let has =
        |name: &str, value: &str| fields.iter().any(|field| (field.0.as_str(), field.1.as_str()) == (name, value));
    has("cache-control", "no-store") && has("vary", "Cookie")
}

#[track_caller]
pub fn set(session: &mut Session<Guard>, name: &str, value: i64) {
    session.set(name, Value::Integer(value)).expect("set");
}

/// The value of an integer attribute; 0 if absent.
#[track_caller]
pub fn integer(session: &mut Session<Guard>, name: &str) -> i64 {
    match session.get(name) {
        None => 0,
        Some(Value::Integer(value)) => *value,
        Some(other) => panic!("{name} is {other:?}"),
    }
}

#[track_caller]
pub fn increment(session: &mut Session<Guard>, name: &str) {
    let value = integer(session, name);
    set(session, name, value + 1);
}

#[track_caller]
pub fn text(value: &str) -> Value {
    Value::Text(value.into())
}

#[track_caller]
pub fn log_in(session: &mut Session<Guard>, user: &str) {
    session.set_user(Some(user.to_string())).expect("set_user");
}
