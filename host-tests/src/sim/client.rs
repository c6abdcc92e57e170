//! An instance of the component on a simulated machine, for one operation.

use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use session_runtime::LockSpace;
use wasmtime::Store;
use wasmtime::component::ResourceAny;

use super::defect::Defect;
use super::fault::Fault;
use super::machine::{Call, Interruption, State, Subject, World};
use session_conformance::bindings::{Answer, Contents, Durability, FileBacked, Options, Session};

/// The component, its lock space, and the settings of its instances.
#[derive(Clone)]
pub struct Host {
    subject: Arc<Subject>,
    locks: LockSpace,
    defect: Option<Defect>,
    durable: bool,
}

/// The result of an operation.
pub struct Run<T> {
    /// The answer, or none if the instance died.
    pub answer: Option<Answer<T>>,
    /// The host calls since the store was opened.
    pub calls: Vec<Call>,
    /// The world afterwards.
    pub world: World,
}

/// An instance with an open store.
pub struct Client {
    store: Store<State>,
    exports: FileBacked,
    sessions: ResourceAny,
}

/// Polls a future that is never pending: everything simulated completes at once.
pub fn now_or_never<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..1000 {
        if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
            return value;
        }
    }
    panic!("a simulated instance waits");
}

impl Host {
    /// Creates a host for a component.
    pub fn new(subject: &Arc<Subject>, durable: bool) -> Self {
        Self { subject: subject.clone(), locks: LockSpace::process(), defect: None, durable }
    }

    /// Plants a defect.
    pub fn with_defect(self, defect: Defect) -> Self {
        Self { defect: Some(defect), ..self }
    }

    /// Sets the durability of saves.
    pub fn with_durability(&self, durable: bool) -> Self {
        Self { durable, ..self.clone() }
    }

    /// Whether saves are synced.
    pub fn is_durable(&self) -> bool {
        self.durable
    }

    /// Returns the component after a restart: no locks are held.
    pub fn restarted(&self) -> Self {
        Self { locks: LockSpace::process(), ..self.clone() }
    }

    fn options(&self, create: bool) -> Options {
        let durability = if self.durable { Durability::Durable } else { Durability::Relaxed };
        Options { create, durability, size_limit: None, lock_wait: Some(0) }
    }

    fn instance(&self, world: &Arc<Mutex<World>>) -> (Store<State>, FileBacked) {
        let mut store = self.subject.store(State::new(world, &self.locks, self.defect));
        let exports = now_or_never(self.subject.component().instantiate_async(&mut store)).unwrap();
        (store, exports)
    }

    /// Creates an instance and opens the store.
    pub fn open(&self, world: &Arc<Mutex<World>>) -> wasmtime::Result<Answer<Client>> {
        let (mut store, exports) = self.instance(world);
        let interface = exports.session3_sessions_session_store().store();
        let opened = now_or_never(interface.call_open(&mut store, ".", self.options(false)))?;
        Ok(opened.map(|sessions| Client { store, exports, sessions }))
    }

    /// Runs one operation on a copy of a world, in a new instance, possibly with a fault.
    pub fn run<T>(
        &self,
        world: &World,
        fault: Option<(usize, Fault)>,
        operation: impl FnOnce(&mut Client) -> wasmtime::Result<Answer<T>>,
    ) -> Run<T> {
        let shared = Arc::new(Mutex::new(world.clone()));
        let mut client = self.open(&shared).unwrap().unwrap_or_else(|error| panic!("open: {error:?}"));
        client.store.data_mut().plan(fault);
        let answer = operation(&mut client).ok();
        let calls = client.store.data_mut().take_calls();
        drop(client);
        let world = shared.lock().unwrap().clone();
        Run { answer, calls, world }
    }

    /// Sets up a store, possibly with a fault.
    pub fn set_up(&self, world: &World, fault: Option<(usize, Fault)>) -> Run<()> {
        let shared = Arc::new(Mutex::new(world.clone()));
        let (mut store, exports) = self.instance(&shared);
        store.data_mut().plan(fault);
        let interface = exports.session3_sessions_session_store().store();
        let answer = now_or_never(interface.call_open(&mut store, ".", self.options(true))).ok();
        let calls = store.data_mut().take_calls();
        drop(store);
        let world = shared.lock().unwrap().clone();
        Run { answer: answer.map(|opened| opened.map(drop)), calls, world }
    }
}

/// Calls an operation of the open store.
macro_rules! call {
    ($client:ident, $operation:ident $(, $argument:expr)*) => {{
        let interface = $client.exports.session3_sessions_session_store().store();
        now_or_never(interface.$operation(&mut $client.store, $client.sessions $(, $argument)*))
    }};
}

impl Client {
    /// Runs an action before one of the next host calls.
    pub fn interrupt(&mut self, before: usize, interruption: Interruption) {
        self.store.data_mut().interrupt(before, interruption);
    }

    /// The host calls since the store was opened.
    pub fn take_calls(&mut self) -> Vec<Call> {
        self.store.data_mut().take_calls()
    }

    /// `create-session`
    pub fn create(&mut self, id: &str, contents: &Contents) -> wasmtime::Result<Answer<()>> {
        Ok(call!(self, call_create_session, Some(&id.to_owned()), contents)?.map(drop))
    }

    /// `load-session`
    pub fn load(&mut self, id: &str) -> wasmtime::Result<Answer<Option<Session>>> {
        call!(self, call_load_session, &id.to_owned())
    }

    /// `has-session`
    pub fn has(&mut self, id: &str) -> wasmtime::Result<Answer<bool>> {
        call!(self, call_has_session, &id.to_owned())
    }

    /// `save-session`
    pub fn save(&mut self, id: &str, contents: &Contents, expected: Option<u64>) -> wasmtime::Result<Answer<u64>> {
        call!(self, call_save_session, &id.to_owned(), contents, expected)
    }

    /// `touch-session`
    pub fn touch(&mut self, id: &str) -> wasmtime::Result<Answer<()>> {
        call!(self, call_touch_session, &id.to_owned())
    }

    /// `delete-session`
    pub fn delete(&mut self, id: &str) -> wasmtime::Result<Answer<bool>> {
        call!(self, call_delete_session, &id.to_owned())
    }

    /// `rename-session`
    pub fn rename(&mut self, id: &str, new_id: &str) -> wasmtime::Result<Answer<()>> {
        Ok(call!(self, call_rename_session, &id.to_owned(), Some(&new_id.to_owned()))?.map(drop))
    }

    /// `collect-garbage`, to the end.
    pub fn collect_garbage(&mut self) -> wasmtime::Result<Answer<()>> {
        Ok(call!(self, call_collect_garbage, u32::MAX, None)?.map(drop))
    }

    /// `sessions-of`: the ids, sorted. They fit on a page.
    pub fn sessions_of(&mut self, owner: &str) -> wasmtime::Result<Answer<Vec<String>>> {
        let cursor = match call!(self, call_sessions_of, owner)? {
            Ok(cursor) => cursor,
            Err(error) => return Ok(Err(error)),
        };
        let interface = self.exports.session3_sessions_session_store().session_cursor();
        let page = now_or_never(interface.call_next_page(&mut self.store, cursor, 1000))?;
        now_or_never(cursor.resource_drop_async(&mut self.store))?;
        Ok(page.map(|page| {
            let mut ids: Vec<String> = page.sessions.into_iter().map(|info| info.id).collect();
            ids.sort_unstable();
            ids
        }))
    }

    /// `delete-sessions-of`
    pub fn delete_sessions_of(&mut self, owner: &str) -> wasmtime::Result<Answer<u64>> {
        call!(self, call_delete_sessions_of, owner)
    }
}
