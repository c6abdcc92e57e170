//! One instance of a session component.

use std::panic::Location;

use tokio::sync::{Mutex, MutexGuard};
use wasmtime::Store;

use crate::component::{Component, Exports};
use crate::state::State;

/// Enough that it never runs out.
const FUEL: u64 = u64::MAX;

/// One instance. Its calls go one after the other, as the component model demands.
pub struct Instance {
    store: Mutex<Store<State>>,
    exports: Exports,
}

impl Instance {
    /// A new instance. Panics when the component cannot be instantiated.
    pub async fn new(component: &Component, state: State) -> Self {
        let mut store = Store::new(component.engine(), state);
        store.limiter(State::limiter);
        // An error when the engine does not count.
        let _ = store.set_fuel(FUEL);
        let exports = component.instantiate(&mut store).await.expect("the component instantiates");
        Self { store: Mutex::new(store), exports }
    }

    /// The functions to call.
    pub fn exports(&self) -> &Exports {
        &self.exports
    }

    /// Wait for the call under way, then make one.
    pub async fn enter(&self) -> MutexGuard<'_, Store<State>> {
        self.store.lock().await
    }

    /// How many bytes of memory it has taken so far.
    pub async fn memory(&self) -> usize {
        self.enter().await.data().memory()
    }

    /// How many instructions it has run so far, as Wasmtime counts them. Its engine has to consume fuel.
    pub async fn instructions(&self) -> u64 {
        FUEL - self.enter().await.get_fuel().expect("the engine consumes fuel")
    }

    /// How many resources of the host it holds now: open files and directories, locks.
    pub async fn resources(&self) -> usize {
        self.enter().await.data_mut().resources()
    }
}

/// What a call answered. A trap fails the test: no input may cause one.
pub(crate) fn survived<T>(answer: wasmtime::Result<T>, caller: &Location<'_>) -> T {
    match answer {
        Ok(value) => value,
        Err(trap) => panic!("the component trapped in the call at {caller}: {trap:?}"),
    }
}
