//! A component that exports a store, and perhaps a manager: compiled and linked, to make instances of.

use session_runtime::bindings::exports::session3::sessions::{session_manager, session_store};
use wasmtime::component::{self, InstancePre, Linker};
use wasmtime::{Engine, Result, Store};

use crate::state::State;

const MANAGER: &str = "session3:sessions/session-manager@0.2.0";

/// A component that exports `session-store`, and perhaps `session-manager`, compiled and linked.
#[derive(Clone)]
pub struct Component {
    instance: InstancePre<State>,
    store: session_store::GuestIndices,
    manager: Option<session_manager::GuestIndices>,
}

/// What an instance exports.
pub struct Exports {
    store: session_store::Guest,
    manager: Option<session_manager::Guest>,
}

/// What a component may import: WASI, `advisory-locks` and `session-events`.
pub fn linker(engine: &Engine) -> Result<Linker<State>> {
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    session_runtime::add_to_linker(&mut linker)?;
    session_runtime::add_events_to_linker(&mut linker)?;
    Ok(linker)
}

impl Component {
    /// Compile a component. An error when it is none, exports no store, or imports something else than a [`linker`] has.
    pub fn new(bytes: &[u8]) -> Result<Self> {
        let engine = Engine::default();
        let component = component::Component::from_binary(&engine, bytes)?;
        Self::linked(linker(&engine)?.instantiate_pre(&component)?)
    }

    /// A component with an engine or a linker of your own. An error when it exports no store.
    pub fn linked(instance: InstancePre<State>) -> Result<Self> {
        let store = session_store::GuestIndices::new(&instance)?;
        let manager = match instance.component().get_export_index(None, MANAGER) {
            Some(_) => Some(session_manager::GuestIndices::new(&instance)?),
            None => None,
        };
        Ok(Self { instance, store, manager })
    }

    /// What it is compiled for.
    pub fn engine(&self) -> &Engine {
        self.instance.engine()
    }

    /// Whether its instances export a manager.
    pub fn has_manager(&self) -> bool {
        self.manager.is_some()
    }

    /// Make an instance.
    pub async fn instantiate(&self, store: &mut Store<State>) -> Result<Exports> {
        let instance = self.instance.instantiate_async(&mut *store).await?;
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
