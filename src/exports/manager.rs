//! `session-manager`.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::cell::RefCell;

use session_core::attributes::Value;
use session_core::cookie::SameSite;
use session_core::manager::{Configuration, Manager};
use session_core::session::{Access, Session};
use session_core::{SessionId, store::Instant};

use super::Component;
use crate::bindings::exports::session3::sessions::session_manager as wit;
use crate::directory::now;
use crate::guard::Guard;
use crate::store::{Store, random_16};

impl wit::Guest for Component {
    type Configuration = RefCell<Configuration>;
    type Manager = Manager<Store>;
    type Session = Request;
}

impl wit::GuestConfiguration for RefCell<Configuration> {
    fn new() -> Self {
        Self::default()
    }

    fn set_cookie_name(&self, name: String) {
        self.borrow_mut().cookie.name = name;
    }

    fn set_cookie_secure(&self, secure: bool) {
        self.borrow_mut().cookie.secure = secure;
    }

    fn set_cookie_same_site(&self, same_site: wit::SameSite) {
        self.borrow_mut().cookie.same_site = match same_site {
            wit::SameSite::Strict => SameSite::Strict,
            wit::SameSite::Lax => SameSite::Lax,
            wit::SameSite::None => SameSite::None,
        };
    }

    fn set_cookie_path(&self, path: String) {
        self.borrow_mut().cookie.path = path;
    }

    fn set_idle_timeout(&self, timeout: Option<wit::Milliseconds>) {
        self.borrow_mut().idle_timeout = timeout;
    }

    fn set_absolute_timeout(&self, timeout: Option<wit::Milliseconds>) {
        self.borrow_mut().absolute_timeout = timeout;
    }
}

impl wit::GuestManager for Manager<Store> {
    fn open(
        location: String,
        options: wit::Options,
        configuration: wit::Configuration,
    ) -> Result<wit::Manager, wit::Error> {
        let configuration = configuration.into_inner::<RefCell<Configuration>>().into_inner();
        configuration.check()?;
        Ok(wit::Manager::new(Manager::new(Store::open(&location, options.into())?, configuration)?))
    }

    fn start_request(
        &self,
        cookies: Vec<String>,
        peer: Option<String>,
        access: wit::Access,
    ) -> Result<wit::Session, wit::Error> {
        let access = match access {
            wit::Access::ReadOnly => Access::ReadOnly,
            wit::Access::Optimistic => Access::Optimistic,
            wit::Access::Exclusive => Access::Exclusive,
        };
        let session = self.start_request(&cookies, peer.as_deref(), access, now())?;
        Ok(wit::Session::new(Request(RefCell::new(session))))
    }

    fn finish_successful_request(&self, session: wit::Session) -> Result<Vec<wit::HeaderField>, wit::Error> {
        let session = session.into_inner::<Request>().0.into_inner();
        Ok(self.finish_successful_request(session, now(), &mut random_16)?)
    }

    fn finish_failed_request(&self, session: wit::Session) -> Vec<wit::HeaderField> {
        self.finish_failed_request(session.into_inner::<Request>().0.into_inner())
    }

    fn has_session(&self, id: String) -> Result<bool, wit::Error> {
        Ok(self.store().has_session(&SessionId::parse(&id)?)?)
    }

    fn inspect_session(&self, id: String) -> Result<Option<wit::Session>, wit::Error> {
        let session = self.inspect_session(&SessionId::parse(&id)?)?;
        Ok(session.map(|session| wit::Session::new(Request(RefCell::new(session)))))
    }

    fn end_session(&self, id: String) -> Result<bool, wit::Error> {
        Ok(self.end_session(&SessionId::parse(&id)?)?)
    }

    fn end_sessions_of(&self, user: String) -> Result<u64, wit::Error> {
        Ok(self.end_sessions_of(&user)?)
    }
}

/// A session during a request.
pub struct Request(RefCell<Session<Guard>>);

impl wit::GuestSession for Request {
    fn id(&self) -> Option<String> {
        self.0.borrow().id().map(SessionId::to_string)
    }

    fn user(&self) -> Option<String> {
        self.0.borrow_mut().user().map(String::from)
    }

    fn set_user(&self, user: Option<String>) -> Result<(), wit::Error> {
        Ok(self.0.borrow_mut().set_user(user)?)
    }

    fn get(&self, name: String) -> Option<wit::Value> {
        self.0.borrow_mut().get(&name).cloned().map(wit::Value::from)
    }

    fn set(&self, name: String, value: wit::Value) -> Result<(), wit::Error> {
        Ok(self.0.borrow_mut().set(&name, value.into())?)
    }

    fn remove(&self, name: String) -> Result<Option<wit::Value>, wit::Error> {
        Ok(self.0.borrow_mut().remove(&name)?.map(wit::Value::from))
    }

    fn contains(&self, name: String) -> bool {
        self.0.borrow_mut().contains(&name)
    }

    fn names(&self) -> Vec<String> {
        self.0.borrow_mut().names()
    }

    fn entries(&self) -> Vec<(String, wit::Value)> {
        self.0.borrow_mut().entries().into_iter().map(|(name, value)| (name, value.into())).collect()
    }

    fn len(&self) -> u32 {
        self.0.borrow_mut().len() as u32
    }

    fn clear(&self) -> Result<(), wit::Error> {
        Ok(self.0.borrow_mut().clear()?)
    }

    fn created(&self) -> Instant {
        self.0.borrow().created()
    }

    fn last_active(&self) -> Instant {
        self.0.borrow().last_active()
    }

    fn creation_age(&self) -> wit::Milliseconds {
        self.0.borrow().creation_age(now())
    }

    fn access_age(&self) -> wit::Milliseconds {
        self.0.borrow().access_age(now())
    }

    fn remote_address(&self) -> Option<String> {
        self.0.borrow().remote_address().map(String::from)
    }

    fn create_form_token(&self) -> Result<String, wit::Error> {
        Ok(self.0.borrow_mut().create_form_token(random_16())?)
    }

    fn has_form_token(&self, token: String) -> bool {
        self.0.borrow().has_form_token(&token)
    }

    fn remove_form_token(&self, token: String) -> Result<bool, wit::Error> {
        Ok(self.0.borrow_mut().remove_form_token(&token)?)
    }

    fn has_info(&self) -> bool {
        self.0.borrow().has_info()
    }

    fn expire(&self) -> Result<(), wit::Error> {
        Ok(self.0.borrow_mut().expire()?)
    }

    fn regenerate(&self) -> Result<(), wit::Error> {
        Ok(self.0.borrow_mut().regenerate()?)
    }

    fn dump(&self) -> String {
        self.0.borrow_mut().dump(now())
    }
}

impl From<wit::Value> for Value {
    fn from(value: wit::Value) -> Self {
        match value {
            wit::Value::Null => Self::Null,
            wit::Value::Boolean(boolean) => Self::Boolean(boolean),
            wit::Value::Integer(integer) => Self::Integer(integer),
            wit::Value::Number(number) => Self::Number(number),
            wit::Value::Text(text) => Self::Text(text),
            wit::Value::Bytes(bytes) => Self::Bytes(bytes),
            wit::Value::Json(json) => Self::Json(json),
        }
    }
}

impl From<Value> for wit::Value {
    fn from(value: Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Boolean(boolean) => Self::Boolean(boolean),
            Value::Integer(integer) => Self::Integer(integer),
            Value::Number(number) => Self::Number(number),
            Value::Text(text) => Self::Text(text),
            Value::Bytes(bytes) => Self::Bytes(bytes),
            Value::Json(json) => Self::Json(json),
        }
    }
}
