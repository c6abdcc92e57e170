//! A compiled and linked component that exports a store, and possibly a manager.

use session_runtime::bindings::exports::session3::sessions::{session_manager, session_store};
use wasmtime::component::{self, InstancePre, Linker};
use wasmtime::{Engine, Result, Store};

use crate::state::State;

const MANAGER: &str = "session3:sessions/session-manager@0.2.0";

/// A compiled and linked component that exports `session-store`, and possibly `session-manager`.
#[derive(Clone)]
pub struct Component {
    instance: InstancePre<State>,
    store: session_store::GuestIndices,
    manager: Option<session_manager::GuestIndices>,
}

/// The exports of an instance.
pub struct Exports {
    store: session_store::Guest,
    manager: Option<session_manager::Guest>,
}

/// A linker with everything a component may import: WASI, `advisory-locks`, `session-events`, and `session-store` of an
/// engine.
pub fn linker(engine: &Engine) -> Result<Linker<State>> {
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    session_runtime::add_to_linker(&mut linker)?;
    session_runtime::add_events_to_linker(&mut linker)?;
    session_runtime::engines::add_to_linker(&mut linker)?;
    Ok(linker)
}

impl Component {
    /// Compiles a component. Fails if the bytes are not a component, it exports no store, or it imports more than
    /// [`linker`] provides.
    pub fn new(bytes: &[u8]) -> Result<Self> {
        let engine = Engine::default();
        let component = component::Component::from_binary(&engine, bytes)?;
        Self::linked(linker(&engine)?.instantiate_pre(&component)?)
    }

    /// Wraps a component linked with another engine or linker. Fails if it exports no store.
    pub fn linked(instance: InstancePre<State>) -> Result<Self> {
        let store = session_store::GuestIndices::new(&instance)?;
        let manager = match instance.component().get_export_index(None, MANAGER) {
            Some(_) => Some(session_manager::GuestIndices::new(&instance)?),
            None => None,
        };
        Ok(Self { instance, store, manager })
    }

    /// The engine that the component is compiled for.
    pub fn engine(&self) -> &Engine {
        self.instance.engine()
    }

    /// Whether the component exports a manager.
    pub fn has_manager(&self) -> bool {
        self.manager.is_some()
    }

    /// Creates an instance.
    pub async fn instantiate(&self, store: &mut Store<State>) -> Result<Exports> {
        let instance = self.instance.instantiate_async(&mut *store).await?;
        let manager = self.manager.as_ref().map(|manager| manager.load(&mut *store, &instance)).transpose()?;
        Ok(Exports { store: self.store.load(&mut *store, &instance)?, manager })
    }
}

impl Exports {
    /// The exported `session-store`.
    pub fn session3_sessions_session_store(&self) -> &session_store::Guest {
        &self.store
    }

    /// The exported `session-manager`. Panics if there is no such export.
    #[track_caller]
    pub fn session3_sessions_session_manager(&self) -> &session_manager::Guest {
        self.manager.as_ref().expect("the component exports no session-manager")
    }
}
