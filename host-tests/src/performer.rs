//! A client with its own instance. Unlike [`Store`](session_conformance::client::Store), it returns traps, which a test
//! may intend; it must then be dropped.

use wasmtime::component::ResourceAny;

use session_conformance::bindings::{Answer, Durability, Options};
use session_conformance::check::kind;
use session_conformance::client::options;
use session_conformance::component::Exports;
use session_conformance::state::State;

use crate::host::Host;
use crate::operation::{Operation, Outcome, contents, loaded, name};

/// The client.
pub struct Performer {
    store: wasmtime::Store<State>,
    exports: Exports,
    handle: ResourceAny,
}

impl Performer {
    /// Creates an instance and opens the store.
    pub async fn new(host: &Host, durability: Durability) -> Self {
        let (component, state) = host.parts();
        let mut store = wasmtime::Store::new(component.engine(), state);
        // Fails if the host is not metered.
        let _ = store.set_fuel(u64::MAX);
        let exports = component.instantiate(&mut store).await.expect("the component instantiates");
        let sessions = exports.session3_sessions_session_store().store();
        let options = Options { durability, lock_wait: Some(60_000), ..options() };
        let opened = sessions.call_open(&mut store, ".", options).await.expect("it does not trap");
        let handle = opened.expect("the store opens");
        Self { store, exports, handle }
    }

    /// Makes the guest yield every `steps` units of fuel. Requires a metered host.
    pub fn pause_every(&mut self, steps: u64) {
        self.store.fuel_async_yield_interval(Some(steps)).unwrap();
    }

    /// Makes the guest trap after `steps` units of fuel. Requires a metered host.
    pub fn trap_after(&mut self, steps: u64) {
        self.store.set_fuel(steps).unwrap();
    }

    /// Performs an operation.
    pub async fn perform(&mut self, operation: &Operation) -> wasmtime::Result<Outcome> {
        let Self { store, exports, handle } = self;
        let sessions = exports.session3_sessions_session_store().store();
        let outcome = match *operation {
            Operation::Create { id, value } => {
                let created = sessions.call_create_session(store, *handle, Some(&name(id)), &contents(value)).await?;
                answer(created, |info| Outcome::Created(info.version))
            }
            Operation::Load { id } => {
                let found = sessions.call_load_session(store, *handle, &name(id)).await?;
                answer(found, |session| loaded(session.as_ref()))
            }
            Operation::Save { id, value, expected } => {
                let saved = sessions.call_save_session(store, *handle, &name(id), &contents(value), expected).await?;
                answer(saved, Outcome::Saved)
            }
            Operation::Touch { id } => {
                answer(sessions.call_touch_session(store, *handle, &name(id)).await?, |()| Outcome::Touched)
            }
            Operation::Delete { id } => {
                answer(sessions.call_delete_session(store, *handle, &name(id)).await?, Outcome::Deleted)
            }
            Operation::Rename { id, to } => {
                let renamed = sessions.call_rename_session(store, *handle, &name(id), Some(&name(to))).await?;
                answer(renamed, |_| Outcome::Renamed)
            }
        };
        Ok(outcome)
    }
}

fn answer<T>(answer: Answer<T>, outcome: impl FnOnce(T) -> Outcome) -> Outcome {
    answer.map_or_else(|error| Outcome::Refused(kind(&error)), outcome)
}
