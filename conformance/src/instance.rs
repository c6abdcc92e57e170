//! One instance of a session component.

use std::panic::Location;

use tokio::sync::{Mutex, MutexGuard};
use wasmtime::Store;

use crate::component::{Component, Exports};
use crate::state::State;

/// Never runs out.
const FUEL: u64 = u64::MAX;

/// One instance. Its calls are serialized, as the component model requires.
pub struct Instance {
    store: Mutex<Store<State>>,
    exports: Exports,
}

impl Instance {
    /// Instantiates a component. Panics if that fails.
    pub async fn new(component: &Component, state: State) -> Self {
        let mut store = Store::new(component.engine(), state);
        store.limiter(State::limiter);
        // Fails if the engine does not consume fuel.
        let _ = store.set_fuel(FUEL);
        let exports = component.instantiate(&mut store).await.expect("the component instantiates");
        Self { store: Mutex::new(store), exports }
    }

    /// The exported functions.
    pub fn exports(&self) -> &Exports {
        &self.exports
    }

    /// Waits for the call in flight, then gives access for the next one.
    pub async fn enter(&self) -> MutexGuard<'_, Store<State>> {
        self.store.lock().await
    }

    /// The size of the instance's memories in bytes.
    pub async fn memory(&self) -> usize {
        self.enter().await.data().memory()
    }

    /// The number of instructions run so far, as Wasmtime counts fuel. The engine must consume fuel.
    pub async fn instructions(&self) -> u64 {
        FUEL - self.enter().await.get_fuel().expect("the engine consumes fuel")
    }

    /// The number of host resources held: open files and directories, locks.
    pub async fn resources(&self) -> usize {
        self.enter().await.data_mut().resources()
    }
}

/// Unwraps the result of a call. A trap fails the test: no input may cause one.
pub(crate) fn survived<T>(answer: wasmtime::Result<T>, caller: &Location<'_>) -> T {
    match answer {
        Ok(value) => value,
        Err(trap) => panic!("the component trapped in the call at {caller}: {trap:?}"),
    }
}
