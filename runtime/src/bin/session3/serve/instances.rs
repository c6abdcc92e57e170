//! Instances: one for each request, or for some requests one after the other, with `--reuse`.
//!
//! An instance that is used again need not be created, which is half the cost of a small request. But a request may then
//! see what an earlier one, of another user, left in the instance's memory: only the application keeps users apart. So it
//! is an option, and an instance with signs of trouble serves no more.

use crate::guest::{Guest, Holdings, Sandbox};
use std::sync::{Mutex, MutexGuard, PoisonError};
use wasmtime::{Result, Store};
use wasmtime_wasi_http::p2::bindings::{Proxy, ProxyPre};

/// The instances of a server that serve no request at the moment.
pub struct Instances {
    pre: ProxyPre<Guest>,
    /// How many requests an instance serves.
    requests: u32,
    idle: Mutex<Vec<Instance>>,
}

/// An instance, which serves one request at a time. Its locks are released when it is dropped.
pub struct Instance {
    pub store: Store<Guest>,
    /// None before it is instantiated.
    proxy: Option<Proxy>,
    served: u32,
    /// After its first request.
    held: Option<Holdings>,
}

impl Instances {
    pub fn new(pre: ProxyPre<Guest>, requests: u32) -> Self {
        Self { pre, requests, idle: Mutex::default() }
    }

    /// For a request: an idle one, or a new one, which is instantiated later.
    pub fn take(&self, sandbox: &Sandbox) -> Result<Instance> {
        let idle = self.idle().pop();
        if let Some(instance) = idle {
            if sandbox.is_current(instance.store.data()) {
                return Ok(instance);
            }
            // The others are of the same directory. Before the next one is made, so that no more exist than may.
            self.idle().clear();
        }
        Ok(Instance { store: sandbox.store(self.pre.engine())?, proxy: None, served: 0, held: None })
    }

    /// Keeps an instance that has served a request well, if it may serve another.
    pub fn put(&self, mut instance: Instance) {
        instance.served += 1;
        if instance.served < self.requests && instance.is_as_before() {
            self.idle().push(instance);
        }
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Instance>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Instance {
    /// The instance's exports, and its store.
    pub async fn exports(&mut self, instances: &Instances) -> Result<(&Proxy, &mut Store<Guest>)> {
        let Self { store, proxy, .. } = self;
        let proxy = match proxy {
            Some(proxy) => proxy,
            None => proxy.insert(instances.pre.instantiate_async(&mut *store).await?),
        };
        Ok((proxy, store))
    }

    /// Whether it holds no lock, and no more memory and resources than after its first request.
    fn is_as_before(&mut self) -> bool {
        let now = self.store.data_mut().holdings();
        now.locks == 0 && *self.held.get_or_insert(now) == now
    }
}
