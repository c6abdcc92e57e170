//! The generated types of the contract under short names. No other file names the generated modules.

use session_runtime::bindings as generated;
use wasmtime::component::InstancePre;
use wasmtime::{Engine, Result, Store};

use crate::instance::State;

use generated::exports::session3::sessions::{session_manager, session_store};

pub use generated::exports::session3::sessions::session_manager::{
    Access, CapPolicy, Client, Device, SameSite, Transport, Value,
};
pub use generated::exports::session3::sessions::session_store::{
    Contents, Durability, Error, GarbageReport, LockMode, Options, Page, Session, SessionInfo, Usage,
};
pub use generated::session3::sessions::{advisory_locks, session_events};
pub use generated::{FileBacked, FileBackedPre};

/// What an operation of the contract answers.
pub type Answer<T> = std::result::Result<T, Error>;

const MANAGER: &str = "session3:sessions/session-manager@0.2.0";

/// A component that exports a store, and perhaps a manager: linked, to make instances of.
#[derive(Clone)]
pub struct Linked {
    component: InstancePre<State>,
    store: session_store::GuestIndices,
    manager: Option<session_manager::GuestIndices>,
}

/// What an instance exports: [`FileBacked`], with or without the manager.
pub struct Exports {
    store: session_store::Guest,
    manager: Option<session_manager::Guest>,
}

impl Linked {
    /// An error when the component exports no store, or something else under its name.
    pub fn new(component: InstancePre<State>) -> Result<Self> {
        let store = session_store::GuestIndices::new(&component)?;
        let manager = match component.component().get_export_index(None, MANAGER) {
            Some(_) => Some(session_manager::GuestIndices::new(&component)?),
            None => None,
        };
        Ok(Self { component, store, manager })
    }

    /// What it was compiled for.
    pub fn engine(&self) -> &Engine {
        self.component.engine()
    }

    /// Whether its instances export a manager.
    pub fn has_manager(&self) -> bool {
        self.manager.is_some()
    }

    /// Make an instance.
    pub async fn instantiate_async(&self, store: &mut Store<State>) -> Result<Exports> {
        let instance = self.component.instantiate_async(&mut *store).await?;
        let manager = self.manager.as_ref().map(|manager| manager.load(&mut *store, &instance)).transpose()?;
        Ok(Exports { store: self.store.load(&mut *store, &instance)?, manager })
    }
}

impl Exports {
    /// The store.
    pub fn session3_sessions_session_store(&self) -> &session_store::Guest {
        &self.store
    }

    /// The manager.
    #[track_caller]
    pub fn session3_sessions_session_manager(&self) -> &session_manager::Guest {
        self.manager.as_ref().expect("the component exports no session-manager")
    }
}
