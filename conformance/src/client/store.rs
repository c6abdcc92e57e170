//! `session-store`.

use std::panic::Location;
use std::sync::Arc;

use wasmtime::component::ResourceAny;

use super::methods;
use crate::bindings::Session as Record;
use crate::bindings::{Answer, Contents, Durability, GarbageReport, LockMode, Options, Page, SessionInfo, Usage};
use crate::instance::{Instance, survived};

/// The resource `store`.
#[derive(Clone)]
pub struct Store {
    instance: Arc<Instance>,
    handle: ResourceAny,
}

/// The resource `session-guard`.
pub struct Guard {
    instance: Arc<Instance>,
    handle: ResourceAny,
}

/// The resource `session-cursor`.
pub struct Cursor {
    instance: Arc<Instance>,
    handle: ResourceAny,
}

/// Options that create a missing store, with relaxed durability.
pub fn options() -> Options {
    Options { create: true, durability: Durability::Relaxed, size_limit: None, lock_wait: None }
}

/// Contents without an owner or a deadline.
pub fn data(data: impl AsRef<[u8]>) -> Contents {
    Contents { data: data.as_ref().to_vec(), owner: None, idle_timeout: None, deadline: None }
}

/// Contents with an owner.
pub fn contents(owner: &str, bytes: impl AsRef<[u8]>) -> Contents {
    Contents { owner: Some(owner.into()), ..data(bytes) }
}

impl Store {
    /// `store.open`
    #[track_caller]
    pub fn open(instance: &Arc<Instance>, location: &str, options: Options) -> impl Future<Output = Answer<Self>> {
        let caller = Location::caller();
        async move {
            let mut store = instance.enter().await;
            let exports = instance.exports().session3_sessions_session_store();
            let answer = exports.store().call_open(&mut *store, location, options).await;
            survived(answer, caller).map(|handle| Self { instance: instance.clone(), handle })
        }
    }

    /// `store.setup`
    #[track_caller]
    pub fn setup(instance: &Arc<Instance>, location: &str, options: Options) -> impl Future<Output = Answer<Self>> {
        let caller = Location::caller();
        async move {
            let mut store = instance.enter().await;
            let exports = instance.exports().session3_sessions_session_store();
            let answer = exports.store().call_setup(&mut *store, location, options).await;
            survived(answer, caller).map(|handle| Self { instance: instance.clone(), handle })
        }
    }

    /// `lock-session`
    #[track_caller]
    pub fn lock(&self, id: &str, mode: LockMode, wait: Option<u64>) -> impl Future<Output = Answer<Guard>> + Send {
        let answer = self.lock_raw(id, mode, wait);
        let instance = self.instance.clone();
        async move { answer.await.map(|handle| Guard { instance, handle }) }
    }

    /// `lock-session`, exclusive and without waiting.
    #[track_caller]
    pub fn lock_now(&self, id: &str) -> impl Future<Output = Answer<Guard>> + Send {
        self.lock(id, LockMode::Exclusive, Some(0))
    }

    /// `iter-sessions`
    #[track_caller]
    pub fn iter(&self, after: Option<&str>) -> impl Future<Output = Answer<Cursor>> + Send {
        let answer = self.iter_raw(after);
        let instance = self.instance.clone();
        async move { answer.await.map(|handle| Cursor { instance, handle }) }
    }

    /// `sessions-of`
    #[track_caller]
    pub fn iter_of(&self, owner: &str) -> impl Future<Output = Answer<Cursor>> + Send {
        let answer = self.iter_of_raw(owner);
        let instance = self.instance.clone();
        async move { answer.await.map(|handle| Cursor { instance, handle }) }
    }

    /// `sessions-of`, all pages.
    pub async fn sessions_of(&self, owner: &str) -> Answer<Vec<SessionInfo>> {
        let cursor = self.iter_of(owner).await?;
        let mut sessions = Vec::new();
        loop {
            let page = cursor.next_page(1000).await?;
            assert!(page.unreadable.is_empty(), "unreadable: {:?}", page.unreadable);
            if page.sessions.is_empty() {
                cursor.close().await;
                return Ok(sessions);
            }
            sessions.extend(page.sessions);
        }
    }

    /// The ids of all entries, in listing order.
    pub async fn ids(&self) -> Vec<String> {
        let cursor = self.iter(None).await.unwrap();
        let sessions = cursor.rest(1000).await;
        cursor.close().await;
        sessions.into_iter().map(|info| info.id).collect()
    }

    /// The ids of all sessions, without the manager's records of old ids.
    pub async fn sessions(&self) -> Vec<String> {
        let mut ids = self.ids().await;
        ids.retain(|id| !id.starts_with("old-"));
        ids
    }

    /// The data of a session, as text.
    pub async fn text(&self, id: &str) -> Option<String> {
        let session = self.load(id).await.unwrap()?;
        Some(String::from_utf8(session.data).unwrap())
    }

    /// The instance that owns this handle.
    pub fn instance(&self) -> &Arc<Instance> {
        &self.instance
    }
}

impl Cursor {
    /// The remaining entries, in pages of this size. None may be unreadable.
    pub async fn rest(&self, limit: u32) -> Vec<SessionInfo> {
        let mut sessions = Vec::new();
        loop {
            let page = self.next_page(limit).await.unwrap();
            assert!(page.sessions.len() <= limit as usize, "a page of {} for a limit of {limit}", page.sessions.len());
            assert!(page.unreadable.is_empty(), "unreadable: {:?}", page.unreadable);
            if page.sessions.is_empty() {
                return sessions;
            }
            sessions.extend(page.sessions);
        }
    }
}

methods! { Store in session3_sessions_session_store.store {
    /// `create-session`
    create = call_create_session(id: Option<&str> => id.map(str::to_owned).as_ref(), contents: &Contents) -> Answer<SessionInfo>;
    /// `load-session`
    load = call_load_session(id: &str => &id.to_owned()) -> Answer<Option<Record>>;
    /// `save-session`
    save = call_save_session(id: &str => &id.to_owned(), contents: &Contents, expected: Option<u64>) -> Answer<u64>;
    /// `touch-session`
    touch = call_touch_session(id: &str => &id.to_owned()) -> Answer<()>;
    /// `delete-session`
    delete = call_delete_session(id: &str => &id.to_owned()) -> Answer<bool>;
    /// `has-session`
    has = call_has_session(id: &str => &id.to_owned()) -> Answer<bool>;
    /// `rename-session`
    rename = call_rename_session(id: &str => &id.to_owned(), new_id: Option<&str> => new_id.map(str::to_owned).as_ref()) -> Answer<String>;
    /// `import-session`
    import = call_import_session(session: &Record) -> Answer<()>;
    /// `lock-session`, as a bare handle.
    lock_raw = call_lock_session(id: &str => &id.to_owned(), mode: LockMode, wait: Option<u64>) -> Answer<ResourceAny>;
    /// `delete-old-sessions`
    delete_old = call_delete_old_sessions(minutes: u32) -> Answer<(u64, u64)>;
    /// `collect-garbage`
    collect = call_collect_garbage(budget: u32, resume: Option<&str>) -> Answer<GarbageReport>;
    /// `iter-sessions`, as a bare handle.
    iter_raw = call_iter_sessions(after: Option<&str> => after.map(str::to_owned).as_ref()) -> Answer<ResourceAny>;
    /// `sessions-of`, as a bare handle.
    iter_of_raw = call_sessions_of(owner: &str) -> Answer<ResourceAny>;
    /// `count-sessions-of`
    count_of = call_count_sessions_of(owner: &str) -> Answer<u64>;
    /// `delete-sessions-of`
    delete_sessions_of = call_delete_sessions_of(owner: &str) -> Answer<u64>;
    /// `usage`
    usage = call_usage() -> Answer<Usage>;
    /// `is-multiprocess-safe`
    is_multiprocess_safe = call_is_multiprocess_safe() -> bool;
    /// `is-thread-safe`
    is_thread_safe = call_is_thread_safe() -> bool;
}}

methods! { Guard in session3_sessions_session_store.session_guard {
    /// `load`
    load = call_load() -> Answer<Option<Record>>;
    /// `save`
    save = call_save(contents: &Contents, expected: Option<u64>) -> Answer<u64>;
    /// `delete`
    delete = call_delete() -> Answer<bool>;
    /// `rename`
    rename = call_rename(new_id: Option<&str> => new_id.map(str::to_owned).as_ref()) -> Answer<String>;
}}

methods! { Cursor in session3_sessions_session_store.session_cursor {
    /// `next-page`
    next_page = call_next_page(limit: u32) -> Answer<Page>;
}}
