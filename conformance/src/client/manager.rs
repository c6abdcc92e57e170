//! `session-manager`.

use std::fmt;
use std::panic::Location;
use std::sync::Arc;

use wasmtime::component::ResourceAny;

use super::methods;
use crate::bindings::{Access, Answer, CapPolicy, Client, Device, Options, SameSite, Transport, Value};
use crate::instance::{Instance, survived};

/// The resource `configuration`, created when a manager is opened.
#[derive(Clone, Debug, Default)]
pub struct Configuration {
    /// `set-cookie-name`
    pub cookie_name: Option<String>,
    /// `set-cookie-secure`
    pub cookie_secure: Option<bool>,
    /// `set-cookie-same-site`
    pub cookie_same_site: Option<SameSite>,
    /// `set-cookie-path`
    pub cookie_path: Option<String>,
    /// `set-idle-timeout`
    pub idle_timeout: Option<Option<u64>>,
    /// `set-absolute-timeout`
    pub absolute_timeout: Option<Option<u64>>,
    /// `set-cookie-domain`
    pub cookie_domain: Option<String>,
    /// `set-cookie-partitioned`
    pub cookie_partitioned: bool,
    /// `set-clear-site-data`
    pub clear_site_data: bool,
    /// `set-transport`
    pub transport: Option<Transport>,
    /// `set-activity-resolution`
    pub activity_resolution: Option<u64>,
    /// `set-remember-timeout`
    pub remember_timeout: Option<u64>,
    /// `set-renewal-interval`
    pub renewal_interval: Option<u64>,
    /// `set-grace-window`
    pub grace_window: Option<u64>,
    /// `set-unconfirmed-timeout`
    pub unconfirmed_timeout: Option<u64>,
    /// `set-session-cap`
    pub session_cap: Option<(u32, CapPolicy)>,
    /// `set-new-session-limit`
    pub new_sessions: Option<u32>,
    /// `set-ipv6-prefix`
    pub ipv6_prefix: Option<u8>,
    /// `set-store-limits`
    pub store_limits: (Option<u64>, Option<u64>),
}

/// The resource `manager`.
#[derive(Clone)]
pub struct Manager {
    instance: Arc<Instance>,
    handle: ResourceAny,
}

/// The resource `session`: one request.
pub struct Session {
    instance: Arc<Instance>,
    handle: ResourceAny,
}

/// The resource `device-cursor`.
pub struct Devices {
    instance: Arc<Instance>,
    handle: ResourceAny,
}

/// A header field to send.
pub type HeaderField = (String, String);

impl Manager {
    /// `manager.open`
    #[track_caller]
    pub fn open<'a>(
        instance: &'a Arc<Instance>,
        location: &'a str,
        options: Options,
        configuration: &'a Configuration,
    ) -> impl Future<Output = Answer<Self>> + Send + 'a {
        let caller = Location::caller();
        async move {
            let configuration = survived(configuration.make(instance).await, caller);
            let mut store = instance.enter().await;
            let manager = instance.exports().session3_sessions_session_manager().manager();
            let answer = manager.call_open(&mut *store, location, options, configuration).await;
            survived(answer, caller).map(|handle| Self { instance: instance.clone(), handle })
        }
    }

    /// `start-request`
    #[track_caller]
    pub fn start(
        &self,
        cookies: &[String],
        peer: Option<&str>,
        access: Access,
    ) -> impl Future<Output = Answer<Session>> + Send {
        let answer = self.start_raw(cookies, peer, access);
        let instance = self.instance.clone();
        async move { answer.await.map(|handle| Session { instance, handle }) }
    }

    /// `start-request-of`
    #[track_caller]
    pub fn start_of(
        &self,
        credentials: &[String],
        client: &Client,
        access: Access,
    ) -> impl Future<Output = Answer<Session>> + Send {
        let answer = self.start_of_raw(credentials, client, access);
        let instance = self.instance.clone();
        async move { answer.await.map(|handle| Session { instance, handle }) }
    }

    /// `finish-successful-request`
    #[track_caller]
    pub fn finish(&self, session: Session) -> impl Future<Output = Answer<Vec<HeaderField>>> + Send {
        self.finish_raw(session.handle)
    }

    /// `finish-failed-request`
    #[track_caller]
    pub fn fail(&self, session: Session) -> impl Future<Output = Vec<HeaderField>> + Send {
        self.fail_raw(session.handle)
    }

    /// `inspect-session`
    #[track_caller]
    pub fn inspect(&self, id: &str) -> impl Future<Output = Answer<Option<Session>>> + Send {
        let answer = self.inspect_raw(id);
        let instance = self.instance.clone();
        async move { answer.await.map(|found| found.map(|handle| Session { instance, handle })) }
    }
}

impl Manager {
    /// `sessions-of`
    #[track_caller]
    pub fn devices_of(&self, user: &str) -> impl Future<Output = Answer<Devices>> + Send {
        let answer = self.devices_of_raw(user);
        let instance = self.instance.clone();
        async move { answer.await.map(|handle| Devices { instance, handle }) }
    }

    /// `sessions-of`, all pages.
    pub async fn sessions_of(&self, user: &str) -> Answer<Vec<Device>> {
        let cursor = self.devices_of(user).await?;
        let mut devices = Vec::new();
        loop {
            let page = cursor.next_page(1000).await?;
            if page.is_empty() {
                cursor.close().await;
                return Ok(devices);
            }
            devices.extend(page);
        }
    }

    /// The instance that owns this handle.
    pub fn instance(&self) -> &Arc<Instance> {
        &self.instance
    }
}

impl Configuration {
    async fn make(&self, instance: &Instance) -> wasmtime::Result<ResourceAny> {
        let mut store = instance.enter().await;
        let resource = instance.exports().session3_sessions_session_manager().configuration();
        let made = resource.call_constructor(&mut *store).await?;
        if let Some(name) = &self.cookie_name {
            resource.call_set_cookie_name(&mut *store, made, name).await?;
        }
        if let Some(secure) = self.cookie_secure {
            resource.call_set_cookie_secure(&mut *store, made, secure).await?;
        }
        if let Some(same_site) = self.cookie_same_site {
            resource.call_set_cookie_same_site(&mut *store, made, same_site).await?;
        }
        if let Some(path) = &self.cookie_path {
            resource.call_set_cookie_path(&mut *store, made, path).await?;
        }
        if let Some(timeout) = self.idle_timeout {
            resource.call_set_idle_timeout(&mut *store, made, timeout).await?;
        }
        if let Some(timeout) = self.absolute_timeout {
            resource.call_set_absolute_timeout(&mut *store, made, timeout).await?;
        }
        if let Some(transport) = self.transport {
            resource.call_set_transport(&mut *store, made, transport).await?;
        }
        if let Some(resolution) = self.activity_resolution {
            resource.call_set_activity_resolution(&mut *store, made, resolution).await?;
        }
        if let Some(timeout) = self.remember_timeout {
            resource.call_set_remember_timeout(&mut *store, made, timeout).await?;
        }
        if let Some(window) = self.grace_window {
            resource.call_set_grace_window(&mut *store, made, window).await?;
        }
        if let Some((cap, policy)) = self.session_cap {
            resource.call_set_session_cap(&mut *store, made, Some(cap), policy).await?;
        }
        let (sessions, bytes) = self.store_limits;
        resource.call_set_cookie_domain(&mut *store, made, self.cookie_domain.as_deref()).await?;
        resource.call_set_cookie_partitioned(&mut *store, made, self.cookie_partitioned).await?;
        resource.call_set_clear_site_data(&mut *store, made, self.clear_site_data).await?;
        resource.call_set_renewal_interval(&mut *store, made, self.renewal_interval).await?;
        resource.call_set_unconfirmed_timeout(&mut *store, made, self.unconfirmed_timeout).await?;
        resource.call_set_new_session_limit(&mut *store, made, self.new_sessions).await?;
        if let Some(bits) = self.ipv6_prefix {
            resource.call_set_ipv6_prefix(&mut *store, made, bits).await?;
        }
        resource.call_set_store_limits(&mut *store, made, sessions, bytes).await?;
        Ok(made)
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a session")
    }
}

/// A text attribute.
pub fn text(text: &str) -> Value {
    Value::Text(text.into())
}

/// An integer attribute.
pub fn integer(integer: i64) -> Value {
    Value::Integer(integer)
}

impl Session {
    /// The value of an integer attribute, or none if it is absent.
    pub async fn count(&self, name: &str) -> Option<i64> {
        match self.get(name).await {
            None => None,
            Some(Value::Integer(count)) => Some(count),
            Some(other) => panic!("{name} is {other:?}"),
        }
    }

    /// Increments an integer attribute that starts at 0, by a read and a write. Returns the new value.
    pub async fn increment(&self, name: &str) -> i64 {
        let next = self.count(name).await.unwrap_or(0) + 1;
        self.set(name, &integer(next)).await.unwrap();
        next
    }
}

methods! { Manager in session3_sessions_session_manager.manager {
    /// `start-request`, as a bare handle.
    start_raw = call_start_request(cookies: &[String], peer: Option<&str>, access: Access) -> Answer<ResourceAny>;
    /// `start-request-of`, as a bare handle.
    start_of_raw = call_start_request_of(credentials: &[String], client: &Client, access: Access) -> Answer<ResourceAny>;
    /// `finish-successful-request`, of a bare handle.
    finish_raw = call_finish_successful_request(session: ResourceAny) -> Answer<Vec<HeaderField>>;
    /// `finish-failed-request`, of a bare handle.
    fail_raw = call_finish_failed_request(session: ResourceAny) -> Vec<HeaderField>;
    /// `has-session`
    has = call_has_session(id: &str => &id.to_owned()) -> Answer<bool>;
    /// `inspect-session`, as a bare handle.
    inspect_raw = call_inspect_session(id: &str => &id.to_owned()) -> Answer<Option<ResourceAny>>;
    /// `end-session`
    end = call_end_session(id: &str => &id.to_owned()) -> Answer<bool>;
    /// `end-sessions-of`
    end_sessions_of = call_end_sessions_of(user: &str) -> Answer<u64>;
    /// `sessions-of`, as a bare handle.
    devices_of_raw = call_sessions_of(user: &str) -> Answer<ResourceAny>;
    /// `end-other-sessions-of`
    end_other_sessions_of = call_end_other_sessions_of(user: &str, keep: &str => &keep.to_owned()) -> Answer<u64>;
}}

methods! { Devices in session3_sessions_session_manager.device_cursor {
    /// `next-page`
    next_page = call_next_page(limit: u32) -> Answer<Vec<Device>>;
    /// `skip`
    skip = call_skip(count: u32);
}}

methods! { Session in session3_sessions_session_manager.session {
    /// `id`
    id = call_id() -> Option<String>;
    /// `user`
    user = call_user() -> Option<String>;
    /// `set-user`
    set_user = call_set_user(user: Option<&str>) -> Answer<()>;
    /// `mark-authenticated`
    mark_authenticated = call_mark_authenticated() -> Answer<()>;
    /// `authenticated`
    authenticated = call_authenticated() -> Option<u64>;
    /// `authenticated-within`
    authenticated_within = call_authenticated_within(minutes: u32) -> bool;
    /// `remember`
    remember = call_remember(remember: bool) -> Answer<()>;
    /// `remembered`
    remembered = call_remembered() -> bool;
    /// `set-with-ttl`
    set_with_ttl = call_set_with_ttl(name: &str, value: &Value, ttl: u64) -> Answer<()>;
    /// `attribute-expires`
    attribute_expires = call_attribute_expires(name: &str) -> Option<u64>;
    /// `increment`
    add = call_increment(name: &str, by: i64) -> Answer<i64>;
    /// `set-flash`
    set_flash = call_set_flash(name: &str, value: &Value) -> Answer<()>;
    /// `take-flash`
    take_flash = call_take_flash(name: &str) -> Option<Value>;
    /// `expires`
    expires = call_expires() -> Option<u64>;
    /// `user-agent`
    user_agent = call_user_agent() -> Option<String>;
    /// `get`
    get = call_get(name: &str) -> Option<Value>;
    /// `set`
    set = call_set(name: &str, value: &Value) -> Answer<()>;
    /// `remove`
    remove = call_remove(name: &str) -> Answer<Option<Value>>;
    /// `contains`
    contains = call_contains(name: &str) -> bool;
    /// `names`
    names = call_names() -> Vec<String>;
    /// `entries`
    entries = call_entries() -> Vec<(String, Value)>;
    /// `len`
    len = call_len() -> u32;
    /// `clear`
    clear = call_clear() -> Answer<()>;
    /// `created`
    created = call_created() -> u64;
    /// `last-active`
    last_active = call_last_active() -> u64;
    /// `creation-age`
    creation_age = call_creation_age() -> u64;
    /// `access-age`
    access_age = call_access_age() -> u64;
    /// `remote-address`
    remote_address = call_remote_address() -> Option<String>;
    /// `create-form-token`
    create_form_token = call_create_form_token() -> Answer<String>;
    /// `has-form-token`
    has_form_token = call_has_form_token(token: &str) -> bool;
    /// `remove-form-token`
    remove_form_token = call_remove_form_token(token: &str) -> Answer<bool>;
    /// `has-info`
    has_info = call_has_info() -> bool;
    /// `expire`
    expire = call_expire() -> Answer<()>;
    /// `regenerate`
    regenerate = call_regenerate() -> Answer<()>;
    /// `dump`
    dump = call_dump() -> String;
}}
