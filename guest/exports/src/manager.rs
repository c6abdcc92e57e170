//! `session-manager`, on any [`Store`]. Translation only.
//!
//! Two components instantiate it: `session-store` on files, and `session-manager` on an imported store. The first could
//! be composed of the second and a store. It is one component because composition has a measured cost: 13 percent more
//! bytes, 11 percent more time for a small request, 111 percent for a read of 64 KiB, and twice the memory per
//! instance.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::cell::{Cell, RefCell};

use session_core::attributes::Value;
use session_core::client::Client;
use session_core::configuration::{CapPolicy, Configuration};
use session_core::cookie::{SameSite, Transport};
use session_core::manager::Manager;
use session_core::session::{Access, Session};
use session_core::store::{Checked, Instant, Store};
use session_core::user_sessions::{Device, Devices};
use session_core::{Error, SessionId};

use crate::Exports;
use crate::bindings::exports::session3::sessions::session_manager as wit;
use crate::events::Host;
use crate::host::{now, random_16};
use crate::memory;

type Guard<S> = <Checked<S> as Store>::Guard;

impl<S: Store> wit::Guest for Exports<S> {
    type Configuration = RefCell<Configuration>;
    type Manager = ManagerHandle<S>;
    type DeviceCursor = DeviceCursorHandle<S>;
    type Session = Request<S>;
}

/// The resource `manager`.
pub struct ManagerHandle<S>(Manager<Checked<S>, Host>);

/// The resource `device-cursor`.
pub struct DeviceCursorHandle<S>(RefCell<Devices<Checked<S>, Host>>);

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

    fn set_cookie_domain(&self, domain: Option<String>) {
        self.borrow_mut().cookie.domain = domain;
    }

    fn set_cookie_partitioned(&self, partitioned: bool) {
        self.borrow_mut().cookie.partitioned = partitioned;
    }

    fn set_transport(&self, transport: wit::Transport) {
        self.borrow_mut().cookie.transport = match transport {
            wit::Transport::Cookie => Transport::Cookie,
            wit::Transport::Bearer => Transport::Bearer,
        };
    }

    fn set_clear_site_data(&self, clear: bool) {
        self.borrow_mut().cookie.clear_site_data = clear;
    }

    fn set_idle_timeout(&self, timeout: Option<wit::Milliseconds>) {
        self.borrow_mut().idle_timeout = timeout;
    }

    fn set_absolute_timeout(&self, timeout: Option<wit::Milliseconds>) {
        self.borrow_mut().absolute_timeout = timeout;
    }

    fn set_activity_resolution(&self, resolution: wit::Milliseconds) {
        self.borrow_mut().activity_resolution = resolution;
    }

    fn set_remember_timeout(&self, timeout: wit::Milliseconds) {
        self.borrow_mut().remember_timeout = timeout;
    }

    fn set_renewal_interval(&self, interval: Option<wit::Milliseconds>) {
        self.borrow_mut().renewal_interval = interval;
    }

    fn set_grace_window(&self, window: wit::Milliseconds) {
        self.borrow_mut().grace_window = window;
    }

    fn set_unconfirmed_timeout(&self, timeout: Option<wit::Milliseconds>) {
        self.borrow_mut().unconfirmed_timeout = timeout;
    }

    fn set_session_cap(&self, cap: Option<u32>, policy: wit::CapPolicy) {
        let policy = match policy {
            wit::CapPolicy::Refuse => CapPolicy::Refuse,
            wit::CapPolicy::EndOldest => CapPolicy::EndOldest,
        };
        self.borrow_mut().session_cap = cap.map(|cap| (cap, policy));
    }

    fn set_new_session_limit(&self, per_minute: Option<u32>) {
        self.borrow_mut().new_sessions = per_minute;
    }

    fn set_ipv6_prefix(&self, bits: u8) {
        self.borrow_mut().ipv6_prefix = bits;
    }

    fn set_store_limits(&self, sessions: Option<u64>, bytes: Option<u64>) {
        let mut configuration = self.borrow_mut();
        configuration.total_sessions = sessions;
        configuration.total_bytes = bytes;
    }
}

impl<S: Store> wit::GuestManager for ManagerHandle<S> {
    fn open(
        location: String,
        options: wit::Options,
        configuration: wit::Configuration,
    ) -> Result<wit::Manager, wit::Error> {
        let configuration = configuration.into_inner::<RefCell<Configuration>>().into_inner();
        configuration.check()?;
        let store = Checked::<S>::open(&location, options.into())?;
        Ok(wit::Manager::new(Self(Manager::new(store, Host, configuration)?)))
    }

    fn start_request(
        &self,
        cookies: Vec<String>,
        peer: Option<String>,
        access: wit::Access,
    ) -> Result<wit::Session, wit::Error> {
        self.start(&cookies, Client::at(peer.as_deref()), access)
    }

    fn start_request_of(
        &self,
        credentials: Vec<String>,
        client: wit::Client,
        access: wit::Access,
    ) -> Result<wit::Session, wit::Error> {
        let client = Client::new(client.address.as_deref(), client.user_agent.as_deref());
        self.start(&credentials, client, access)
    }

    fn finish_successful_request(&self, session: wit::Session) -> Result<Vec<wit::HeaderField>, wit::Error> {
        let session = session.into_inner::<Request<S>>().session.into_inner();
        Ok(self.0.finish_successful_request(session, now(), &mut random_16)?)
    }

    fn finish_failed_request(&self, session: wit::Session) -> Vec<wit::HeaderField> {
        self.0.finish_failed_request(session.into_inner::<Request<S>>().session.into_inner())
    }

    fn has_session(&self, id: String) -> Result<bool, wit::Error> {
        Ok(self.0.store().has(&SessionId::parse(&id)?)?)
    }

    fn inspect_session(&self, id: String) -> Result<Option<wit::Session>, wit::Error> {
        let session = self.0.inspect_session(&SessionId::parse(&id)?, now())?;
        Ok(session.map(|session| self.request(session)))
    }

    fn end_session(&self, id: String) -> Result<bool, wit::Error> {
        Ok(self.0.end_session(&SessionId::parse(&id)?)?)
    }

    fn end_sessions_of(&self, user: String) -> Result<u64, wit::Error> {
        Ok(self.0.end_sessions_of(&user)?)
    }

    fn sessions_of(&self, user: String) -> Result<wit::DeviceCursor, wit::Error> {
        Ok(wit::DeviceCursor::new(DeviceCursorHandle(RefCell::new(self.0.devices_of(&user)?))))
    }

    fn end_other_sessions_of(&self, user: String, keep: String) -> Result<u64, wit::Error> {
        Ok(self.0.end_other_sessions_of(&user, &SessionId::parse(&keep)?)?)
    }
}

impl<S: Store> ManagerHandle<S> {
    fn start(&self, credentials: &[String], client: Client, access: wit::Access) -> Result<wit::Session, wit::Error> {
        let access = match access {
            wit::Access::ReadOnly => Access::ReadOnly,
            wit::Access::Optimistic => Access::Optimistic,
            wit::Access::Exclusive => Access::Exclusive,
        };
        Ok(self.request(self.0.start_request(credentials, client, access, now())?))
    }

    fn request(&self, session: Session<Guard<S>>) -> wit::Session {
        let expires = self.0.expires(&session);
        wit::Session::new(Request::<S> { session: RefCell::new(session), expires, written: Cell::new(0) })
    }
}

impl<S: Store> wit::GuestDeviceCursor for DeviceCursorHandle<S> {
    fn next_page(&self, limit: u32) -> Result<Vec<wit::Device>, wit::Error> {
        Ok(self.0.borrow_mut().next_page(limit)?.into_iter().map(wit::Device::from).collect())
    }

    fn skip(&self, count: u32) {
        self.0.borrow_mut().skip(count);
    }
}

/// A session during a request.
pub struct Request<S: Store> {
    session: RefCell<Session<Guard<S>>>,
    expires: Option<Instant>,
    /// Bytes of values set so far.
    written: Cell<usize>,
}

impl<S: Store> Request<S> {
    /// Takes a value to store, if there is memory for the session with it, and for its data while they grow.
    fn take(&self, value: wit::Value) -> Result<Value, Error> {
        let length = match &value {
            wit::Value::Text(text) | wit::Value::Json(text) => text.len(),
            wit::Value::Bytes(bytes) => bytes.len(),
            _ => 0,
        };
        let before = self.written.get();
        memory::ensure(length, |length| 4 * (before + length))?;
        self.written.set(before + length);
        Ok(value.into())
    }
}

impl<S: Store> wit::GuestSession for Request<S> {
    fn id(&self) -> Option<String> {
        self.session.borrow().id().map(SessionId::to_string)
    }

    fn user(&self) -> Option<String> {
        self.session.borrow_mut().user().map(String::from)
    }

    fn set_user(&self, user: Option<String>) -> Result<(), wit::Error> {
        Ok(self.session.borrow_mut().set_user(user)?)
    }

    fn mark_authenticated(&self) -> Result<(), wit::Error> {
        Ok(self.session.borrow_mut().mark_authenticated()?)
    }

    fn authenticated(&self) -> Option<Instant> {
        self.session.borrow().authenticated()
    }

    fn authenticated_within(&self, minutes: u32) -> bool {
        self.session.borrow().authenticated_within(minutes, now())
    }

    fn remember(&self, remember: bool) -> Result<(), wit::Error> {
        Ok(self.session.borrow_mut().remember(remember)?)
    }

    fn remembered(&self) -> bool {
        self.session.borrow().remembered()
    }

    fn get(&self, name: String) -> Option<wit::Value> {
        self.session.borrow_mut().get(&name).cloned().map(wit::Value::from)
    }

    fn set(&self, name: String, value: wit::Value) -> Result<(), wit::Error> {
        Ok(self.session.borrow_mut().set(&name, self.take(value)?)?)
    }

    fn set_with_ttl(&self, name: String, value: wit::Value, ttl: wit::Milliseconds) -> Result<(), wit::Error> {
        Ok(self.session.borrow_mut().set_with_ttl(&name, self.take(value)?, ttl, now())?)
    }

    fn attribute_expires(&self, name: String) -> Option<Instant> {
        self.session.borrow().attribute_expires(&name)
    }

    fn increment(&self, name: String, by: i64) -> Result<i64, wit::Error> {
        Ok(self.session.borrow_mut().increment(&name, by)?)
    }

    fn remove(&self, name: String) -> Result<Option<wit::Value>, wit::Error> {
        Ok(self.session.borrow_mut().remove(&name)?.map(wit::Value::from))
    }

    fn contains(&self, name: String) -> bool {
        self.session.borrow_mut().contains(&name)
    }

    fn names(&self) -> Vec<String> {
        self.session.borrow_mut().names()
    }

    fn entries(&self) -> Vec<(String, wit::Value)> {
        self.session.borrow_mut().entries().into_iter().map(|(name, value)| (name, value.into())).collect()
    }

    fn len(&self) -> u32 {
        self.session.borrow_mut().len() as u32
    }

    fn clear(&self) -> Result<(), wit::Error> {
        Ok(self.session.borrow_mut().clear()?)
    }

    fn set_flash(&self, name: String, value: wit::Value) -> Result<(), wit::Error> {
        Ok(self.session.borrow_mut().set_flash(&name, self.take(value)?)?)
    }

    fn take_flash(&self, name: String) -> Option<wit::Value> {
        self.session.borrow_mut().take_flash(&name).map(wit::Value::from)
    }

    fn created(&self) -> Instant {
        self.session.borrow().created()
    }

    fn last_active(&self) -> Instant {
        self.session.borrow().last_active()
    }

    fn creation_age(&self) -> wit::Milliseconds {
        self.session.borrow().creation_age(now())
    }

    fn access_age(&self) -> wit::Milliseconds {
        self.session.borrow().access_age(now())
    }

    fn expires(&self) -> Option<Instant> {
        self.expires
    }

    fn user_agent(&self) -> Option<String> {
        self.session.borrow().user_agent().map(String::from)
    }

    fn remote_address(&self) -> Option<String> {
        self.session.borrow().remote_address().map(String::from)
    }

    fn create_form_token(&self) -> Result<String, wit::Error> {
        Ok(self.session.borrow_mut().create_form_token(random_16())?)
    }

    fn has_form_token(&self, token: String) -> bool {
        self.session.borrow().has_form_token(&token)
    }

    fn remove_form_token(&self, token: String) -> Result<bool, wit::Error> {
        Ok(self.session.borrow_mut().remove_form_token(&token)?)
    }

    fn has_info(&self) -> bool {
        self.session.borrow().has_info()
    }

    fn expire(&self) -> Result<(), wit::Error> {
        Ok(self.session.borrow_mut().expire()?)
    }

    fn regenerate(&self) -> Result<(), wit::Error> {
        Ok(self.session.borrow_mut().regenerate()?)
    }

    fn dump(&self) -> String {
        self.session.borrow_mut().dump(now())
    }
}

impl From<Device> for wit::Device {
    fn from(device: Device) -> Self {
        Self {
            id: device.id.to_string(),
            created: device.created,
            last_active: device.last_active,
            authenticated: device.authenticated,
            client: wit::Client { address: device.client.address, user_agent: device.client.user_agent },
            remembered: device.remembered,
        }
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
