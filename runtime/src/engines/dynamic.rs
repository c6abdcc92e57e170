//! Engines of any kind behind one type.

use session_core::SessionId;
use session_core::engine::{Call, Engine, Holder, Lease, Sessions};
use session_core::error::{Error, Result};
use session_core::store::{Contents, GarbageReport, Info, LockMode, Milliseconds, Page, Record, Usage};
use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, timeout};

pub(super) type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T>> + Send + 'a>>;

/// For how long an open store is used again without asking the server: each instance opens it, for one request.
const FRESH: Duration = Duration::from_secs(1);

/// How long the server may then take to answer: in a cluster, the one that is asked may fail, while sessions are on others.
const GRACE: Duration = Duration::from_millis(500);

/// For how long a store that was opened is remembered.
const REMEMBERED: Duration = Duration::from_secs(60);

/// A server that keeps sessions. Clones are cheap and refer to the same one.
#[derive(Clone)]
pub struct SharedEngine(Arc<Inner>);

struct Inner {
    engine: Box<dyn DynEngine>,
    /// The stores opened lately, by location and durability.
    opened: Mutex<HashMap<(String, bool), Opened>>,
    releases: Releases,
}

/// The locks, by name, that ended with their instances, and that the server is being told to release. Who asks for one
/// waits for that, even if it would not wait for a holder.
#[derive(Clone, Default)]
pub(super) struct Releases(Arc<Mutex<HashMap<String, usize>>>);

impl Releases {
    pub(super) fn begin(&self, names: &[String]) {
        let mut releases = self.lock();
        for name in names {
            *releases.entry(name.clone()).or_default() += 1;
        }
    }

    pub(super) fn end(&self, names: &[String]) {
        let mut releases = self.lock();
        for name in names {
            if let Some(count) = releases.get_mut(name) {
                *count -= 1;
                if *count == 0 {
                    releases.remove(name);
                }
            }
        }
    }

    pub(super) fn contain(&self, name: &str) -> bool {
        self.lock().contains_key(name)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Opened {
    sessions: Arc<dyn DynSessions>,
    at: Instant,
}

impl SharedEngine {
    /// An engine, for any number of instances.
    pub fn new(engine: impl Engine) -> Self {
        Self(Arc::new(Inner { engine: Box::new(engine), opened: Mutex::default(), releases: Releases::default() }))
    }

    pub(super) async fn open(&self, location: &str, create: bool, durable: bool) -> Result<Arc<dyn DynSessions>> {
        let key = (location.to_owned(), durable);
        let known = match self.opened().get_mut(&key) {
            Some(opened) if opened.at.elapsed() < FRESH => return Ok(opened.sessions.clone()),
            Some(opened) => {
                // Others use it while this caller asks.
                opened.at = Instant::now();
                Some(opened.sessions.clone())
            }
            None => None,
        };
        let opening = self.0.engine.open(location, create, durable);
        let sessions = match known {
            None => opening.await?,
            Some(known) => match timeout(GRACE, opening).await {
                Err(_) | Ok(Err(Error::Unavailable(_))) => return Ok(known),
                Ok(opened) => opened.inspect_err(|_| drop(self.opened().remove(&key)))?,
            },
        };
        let mut opened = self.opened();
        // Locations come from applications.
        opened.retain(|_, opened| opened.at.elapsed() < REMEMBERED);
        opened.insert(key, Opened { sessions: sessions.clone(), at: Instant::now() });
        Ok(sessions)
    }

    /// Checks that the server can be reached and used. It need not have a store.
    ///
    /// # Errors
    ///
    /// Those of opening a store: [`Unavailable`](Error::Unavailable) when it cannot be reached,
    /// [`AccessDenied`](Error::AccessDenied) when it refuses.
    pub async fn check(&self) -> Result<()> {
        match self.open(".", false, false).await {
            Ok(_) | Err(Error::NoSuchStore(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    pub(super) async fn setup(&self, location: &str, durable: bool) -> Result<Arc<dyn DynSessions>> {
        self.0.engine.setup(location, durable).await
    }

    pub(super) fn releases(&self) -> &Releases {
        &self.0.releases
    }

    fn opened(&self) -> MutexGuard<'_, HashMap<(String, bool), Opened>> {
        self.0.opened.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

trait DynEngine: Send + Sync {
    fn open<'a>(&'a self, location: &'a str, create: bool, durable: bool) -> Answer<'a, Arc<dyn DynSessions>>;
    fn setup<'a>(&'a self, location: &'a str, durable: bool) -> Answer<'a, Arc<dyn DynSessions>>;
}

impl<E: Engine> DynEngine for E {
    fn open<'a>(&'a self, location: &'a str, create: bool, durable: bool) -> Answer<'a, Arc<dyn DynSessions>> {
        Box::pin(async move { Ok(Arc::new(Engine::open(self, location, create, durable).await?) as _) })
    }

    fn setup<'a>(&'a self, location: &'a str, durable: bool) -> Answer<'a, Arc<dyn DynSessions>> {
        Box::pin(async move { Ok(Arc::new(Engine::setup(self, location, durable).await?) as _) })
    }
}

/// Declares the functions of [`Sessions`] with boxed futures, and implements them.
macro_rules! dyn_sessions {
    ($(fn $name:ident(&self $(, $argument:ident: $type:ty)*) -> $output:ty;)*) => {
        /// [`Sessions`] of any kind.
        pub(super) trait DynSessions: Send + Sync {
            fn store_id(&self) -> &str;
            fn is_multiprocess_safe(&self) -> bool;
            $(fn $name<'a>(&'a self $(, $argument: $type)*) -> Answer<'a, $output>;)*
        }

        impl<S: Sessions> DynSessions for S {
            fn store_id(&self) -> &str {
                Sessions::store_id(self)
            }

            fn is_multiprocess_safe(&self) -> bool {
                Sessions::is_multiprocess_safe(self)
            }

            $(fn $name<'a>(&'a self $(, $argument: $type)*) -> Answer<'a, $output> {
                Box::pin(Sessions::$name(self $(, $argument)*))
            })*
        }
    };
}

dyn_sessions! {
    fn insert(&self, record: &'a Record, call: Call<'a>) -> ();
    fn load(&self, id: &'a SessionId, holder: Option<Holder>, call: Call<'a>) -> Option<Record>;
    fn has(&self, id: &'a SessionId, call: Call<'a>) -> bool;
    fn save(&self, id: &'a SessionId, contents: &'a Contents, expected: Option<u64>, holder: Option<Holder>, durable: bool, call: Call<'a>) -> u64;
    fn touch(&self, id: &'a SessionId, call: Call<'a>) -> ();
    fn delete(&self, id: &'a SessionId, of: Option<&'a str>, holder: Option<Holder>, call: Call<'a>) -> bool;
    fn rename(&self, id: &'a SessionId, new_id: &'a SessionId, holder: Option<Lease>, call: Call<'a>) -> ();
    fn lock(&self, id: &'a SessionId, mode: LockMode, lease: Lease) -> ();
    fn renew(&self, id: &'a SessionId, lease: Lease) -> ();
    fn unlock(&self, id: &'a SessionId, holder: Holder) -> ();
    fn page(&self, after: Option<&'a SessionId>, limit: u32, call: Call<'a>) -> (Page, Option<SessionId>);
    fn infos(&self, ids: &'a [SessionId], owner: &'a str, call: Call<'a>) -> Vec<Info>;
    fn ids_of(&self, owner: &'a str) -> Vec<SessionId>;
    fn count_of(&self, owner: &'a str) -> u64;
    fn delete_old(&self, age: Milliseconds, call: Call<'a>) -> (u64, u64);
    fn collect_garbage(&self, budget: u32, resume: Option<String>, call: Call<'a>) -> GarbageReport;
    fn usage(&self) -> Usage;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engines::memory::Memory;
    use std::future::pending;
    use std::sync::atomic::{AtomicBool, Ordering};

    /// Opens a store once. After that it fails, or hangs without an error.
    struct Once {
        memory: Memory,
        is_open: AtomicBool,
        then: Option<Error>,
    }

    impl Engine for Once {
        type Sessions = <Memory as Engine>::Sessions;

        async fn open(&self, location: &str, create: bool, durable: bool) -> Result<Self::Sessions> {
            match (self.is_open.swap(true, Ordering::SeqCst), &self.then) {
                (false, _) => Engine::open(&self.memory, location, create, durable).await,
                (true, Some(error)) => Err(error.clone()),
                (true, None) => pending().await,
            }
        }

        async fn setup(&self, location: &str, durable: bool) -> Result<Self::Sessions> {
            Engine::setup(&self.memory, location, durable).await
        }
    }

    fn once(then: Option<Error>) -> SharedEngine {
        SharedEngine::new(Once { memory: Memory::default(), is_open: AtomicBool::new(false), then })
    }

    /// In a cluster, the server with the key that marks the store may hang or fail while all others serve their sessions.
    #[tokio::test(start_paused = true)]
    async fn a_server_that_fails_does_not_keep_a_store_from_being_used() {
        for (then, wait) in [(None, GRACE), (Some(Error::Unavailable("".into())), Duration::ZERO)] {
            let engine = once(then);
            let first = engine.open(".", true, false).await.unwrap();
            tokio::time::advance(2 * FRESH).await;
            let start = Instant::now();
            for _ in 0..2 {
                // The second caller does not wait again at once.
                assert!(Arc::ptr_eq(&first, &engine.open(".", true, false).await.unwrap()));
                assert_eq!(start.elapsed(), wait);
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_store_that_is_no_more_is_forgotten() {
        let gone = Error::NoSuchStore("".into());
        let engine = once(Some(gone.clone()));
        engine.open(".", true, false).await.unwrap();
        tokio::time::advance(2 * FRESH).await;
        for _ in 0..2 {
            assert_eq!(engine.open(".", true, false).await.err(), Some(gone.clone()));
        }
    }
}
