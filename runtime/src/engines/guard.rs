use super::ctx::EngineCtx;
use super::store::{Sink, Store};
use crate::locks::{Mode, Place};
use session_core::SessionId;
use session_core::engine::Lease;
use session_core::error::{Error, Result};
use session_core::store::{Contents, LockMode, Record};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio::time::sleep;
use tracing::{debug, warn};

/// The host's representation of the resource `session-guard`. Dropping it releases the lock.
pub struct Guard {
    store: Store,
    /// Changed by a rename.
    id: SessionId,
    mode: LockMode,
    lease: Lease,
    /// All ids that it holds, and has to renew and release: more than one after a rename.
    held: Arc<Mutex<Vec<SessionId>>>,
    /// In this process.
    places: Vec<Place>,
    renewal: JoinHandle<()>,
}

impl Guard {
    pub(super) fn new(store: Store, id: SessionId, mode: LockMode, lease: Lease, place: Place) -> Self {
        let held = Arc::new(Mutex::new(vec![id.clone()]));
        let renewal = tokio::spawn(renew(store.clone(), held.clone(), lease));
        Self { store, id, mode, lease, held, places: vec![place], renewal }
    }

    pub(super) async fn load(&self, ctx: &EngineCtx) -> Result<Option<Record>> {
        self.store.load(ctx, &self.id, Some(self.lease.holder)).await
    }

    pub(super) async fn save(&self, ctx: &EngineCtx, contents: &Contents, expected: Option<u64>) -> Result<u64> {
        self.require_exclusive()?;
        self.store.check(contents)?;
        let sink = Sink(ctx.events.clone());
        let (holder, durable) = (Some(self.lease.holder), self.store.is_durable());
        self.store.sessions.save(&self.id, contents, expected, holder, durable, sink.call(ctx)).await
    }

    pub(super) async fn delete(&self, ctx: &EngineCtx) -> Result<bool> {
        self.require_exclusive()?;
        let sink = Sink(ctx.events.clone());
        self.store.sessions.delete(&self.id, None, Some(self.lease.holder), sink.call(ctx)).await
    }

    pub(super) async fn rename(&mut self, ctx: &mut EngineCtx, new_id: &SessionId) -> Result<()> {
        self.require_exclusive()?;
        if *new_id == self.id {
            return Err(Error::AlreadyExists);
        }
        let place = self.store.queue(ctx, new_id, Mode::Exclusive, self.store.lock_wait()).await?;
        let sink = Sink(ctx.events.clone());
        self.store.sessions.rename(&self.id, new_id, Some(self.lease), sink.call(ctx)).await?;
        self.places.push(place);
        lock(&self.held).push(new_id.clone());
        self.id = new_id.clone();
        Ok(())
    }

    /// Releases the lock, and waits until the server has done so.
    pub(super) async fn release(self) {
        self.renewal.abort();
        let held = std::mem::take(&mut *lock(&self.held));
        unlock(self.store.clone(), held, self.lease).await;
    }

    fn require_exclusive(&self) -> Result<()> {
        if self.mode == LockMode::Exclusive {
            return Ok(());
        }
        Err(Error::AccessDenied("this guard is shared; lock the session exclusively to change it".into()))
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.renewal.abort();
        let held = std::mem::take(&mut *lock(&self.held));
        let places = std::mem::take(&mut self.places);
        if held.is_empty() {
            return;
        }
        // At the end of an instance. The next waiter of this process goes on when the server has released the lock.
        if let Ok(runtime) = Handle::try_current() {
            let (store, lease) = (self.store.clone(), self.lease);
            let names: Vec<String> = held.iter().map(|id| store.lock_name(id)).collect();
            let releases = store.releases.clone();
            releases.begin(&names);
            runtime.spawn(async move {
                unlock(store, held, lease).await;
                drop(places);
                releases.end(&names);
            });
        }
    }
}

async fn renew(store: Store, held: Arc<Mutex<Vec<SessionId>>>, lease: Lease) {
    loop {
        sleep(Duration::from_millis(lease.time / 3)).await;
        let ids = lock(&held).clone();
        for id in ids {
            match store.sessions.renew(&id, lease).await {
                Ok(()) => {}
                Err(Error::Busy) => {
                    warn!("the lock of session {id} was lost: its holder was out of reach for too long");
                    return;
                }
                Err(error) => debug!("cannot renew the lock of session {id}: {error}"),
            }
        }
    }
}

async fn unlock(store: Store, held: Vec<SessionId>, lease: Lease) {
    for id in held {
        if let Err(error) = store.sessions.unlock(&id, lease.holder).await {
            debug!("the lock of session {id} ends with its lease: {error}");
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
