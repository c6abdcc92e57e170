//! The commands that administer a store. They work through the embedded component, as an application would.

pub mod copy;
pub mod gc;
mod interrupt;
mod json;
pub mod ls;
pub mod rm;
pub mod show;
pub mod stats;
mod text;
mod wit_error;

use crate::cli::{Location, StoreArgs};
use crate::dir;
use crate::guest::cache::Cache;
use crate::guest::{self, Guest, MAX_RESOURCES, Sandbox, engine};
use crate::place::{self, Place};
use session_runtime::EventLog;
use session_runtime::bindings::FileBacked;
use session_runtime::bindings::exports::session3::sessions::session_manager;
use session_runtime::bindings::exports::session3::sessions::session_store::{
    self, Durability, Error, GarbageReport, Options, Page, Session, Usage,
};
use std::process::ExitCode;
use wasmtime::component::{Component, Linker, ResourceAny};
use wasmtime::{Engine, Result, Store};

/// A listing must be bounded in memory, but a session may have 16 MiB.
const MEMORY_LIMIT: usize = 256 << 20;
/// The contract's maxima: of a page, and of a session in bytes.
const PAGE: u32 = 1000;
const LARGEST: u32 = 16 << 20;

/// Attempts to read a session that looks damaged.
const READS: u32 = 4;

/// Run a command to completion.
pub fn run(command: impl Future<Output = Result<ExitCode>>) -> Result<ExitCode> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(command)
}

/// An open store.
pub struct Admin {
    store: Store<Guest>,
    component: FileBacked,
    sessions: ResourceAny,
    /// Opened on first use.
    manager: Option<ResourceAny>,
    place: Place,
}

impl Admin {
    /// Open a store to modify it, under the locks that its other processes use.
    pub async fn open(args: &StoreArgs) -> Result<Self> {
        if let Some(dir) = place::directory(&args.location)
            && !dir::has_locks(dir)
        {
            // Check for a store first, so as not to leave a lock file in any other directory.
            dir::check_to_change(dir)?;
            Self::open_to_read(&args.location).await?;
        }
        open(Place::to_change(&args.location)?, &args.location, OPTIONS).await
    }

    /// Open a store to read it: see [`Place::to_read`].
    pub async fn open_to_read(location: &Location) -> Result<Self> {
        open(Place::to_read(location)?, location, OPTIONS).await
    }

    /// Open a store for [`Self::import_session`]; set it up if it is missing.
    pub async fn open_to_fill(location: &Location) -> Result<Self> {
        open(Place::to_fill(location)?, location, Options { create: true, size_limit: Some(LARGEST), ..OPTIONS }).await
    }

    /// List all sessions; read the cursor with [`Self::next_page`].
    pub async fn iter_sessions(&mut self) -> Result<ResourceAny> {
        let (stores, store, sessions) = self.parts();
        let result = stores.store().call_iter_sessions(store, sessions, None).await?;
        self.checked(result)
    }

    /// The next page of a listing; an empty page is the end.
    pub async fn next_page(&mut self, cursor: ResourceAny) -> Result<Page> {
        let (stores, store, _) = self.parts();
        let result = stores.session_cursor().call_next_page(store, cursor, PAGE).await?;
        self.checked(result)
    }

    /// List an owner's sessions, oldest first; read the cursor with [`Self::next_page`].
    pub async fn sessions_of(&mut self, owner: &str) -> Result<ResourceAny> {
        let (stores, store, sessions) = self.parts();
        let result = stores.store().call_sessions_of(store, sessions, owner).await?;
        self.checked(result)
    }

    /// Read a session without its lock.
    pub async fn load_session(&mut self, id: &str) -> Result<Option<Session>> {
        let result = self.try_load_session(id).await?;
        self.checked(result)
    }

    /// Read a session without its lock. One that is being renamed may look damaged, so `corrupt` is retried.
    pub async fn try_load_session(&mut self, id: &str) -> Result<Result<Option<Session>, Error>> {
        let mut tries = 1..READS;
        loop {
            let (stores, store, sessions) = self.parts();
            let result = stores.store().call_load_session(store, sessions, &id.to_owned()).await?;
            if !matches!(result, Err(Error::Corrupt(_))) || tries.next().is_none() {
                return Ok(result);
            }
        }
    }

    /// Whether there is a session.
    pub async fn has_session(&mut self, id: &str) -> Result<bool> {
        let (stores, store, sessions) = self.parts();
        let result = stores.store().call_has_session(store, sessions, &id.to_owned()).await?;
        self.checked(result)
    }

    /// Store a session as it was in another store.
    pub async fn try_import_session(&mut self, session: &Session) -> Result<Result<(), Error>> {
        let (stores, store, sessions) = self.parts();
        stores.store().call_import_session(store, sessions, session).await
    }

    /// Delete a record, whatever it is.
    pub async fn delete_session(&mut self, id: &str) -> Result<bool> {
        let (stores, store, sessions) = self.parts();
        let result = stores.store().call_delete_session(store, sessions, &id.to_owned()).await?;
        self.checked(result)
    }

    /// The message of an error.
    pub fn explain(&self, error: Error) -> wasmtime::Error {
        wit_error::explain(error, &self.place)
    }

    /// End a session, under its current id if it was renewed.
    pub async fn end_session(&mut self, id: &str) -> Result<bool> {
        let manager = self.manager().await?;
        let managers = self.component.session3_sessions_session_manager().manager();
        let result = managers.call_end_session(&mut self.store, manager, &id.to_owned()).await?;
        self.checked(result)
    }

    pub async fn delete_sessions_of(&mut self, owner: &str) -> Result<u64> {
        let (stores, store, sessions) = self.parts();
        let result = stores.store().call_delete_sessions_of(store, sessions, owner).await?;
        self.checked(result)
    }

    pub async fn delete_old_sessions(&mut self, minutes: u32) -> Result<(u64, u64)> {
        let (stores, store, sessions) = self.parts();
        let result = stores.store().call_delete_old_sessions(store, sessions, minutes).await?;
        self.checked(result)
    }

    pub async fn collect_garbage(&mut self, budget: u32, resume: Option<&str>) -> Result<GarbageReport> {
        let (stores, store, sessions) = self.parts();
        let result = stores.store().call_collect_garbage(store, sessions, budget, resume).await?;
        self.checked(result)
    }

    pub async fn usage(&mut self) -> Result<Usage> {
        let (stores, store, sessions) = self.parts();
        let result = stores.store().call_usage(store, sessions).await?;
        self.checked(result)
    }

    /// The manager's view of a session; `None` if it does not exist or its data is not a manager's.
    pub async fn inspect_session(&mut self, id: &str) -> Result<Option<Inspected>> {
        let manager = self.manager().await?;
        let interface = self.component.session3_sessions_session_manager();
        let session = match interface.manager().call_inspect_session(&mut self.store, manager, &id.to_owned()).await? {
            Err(Error::Corrupt(_)) | Ok(None) => return Ok(None),
            Ok(Some(session)) => session,
            Err(error) => return Err(wit_error::explain(error, &self.place)),
        };
        let session_of = interface.session();
        Ok(Some(Inspected {
            user: session_of.call_user(&mut self.store, session).await?,
            attributes: session_of.call_entries(&mut self.store, session).await?,
            remote_address: session_of.call_remote_address(&mut self.store, session).await?,
            dump: session_of.call_dump(&mut self.store, session).await?,
        }))
    }

    async fn manager(&mut self) -> Result<ResourceAny> {
        if let Some(manager) = self.manager {
            return Ok(manager);
        }
        let interface = self.component.session3_sessions_session_manager();
        let configuration = interface.configuration().call_constructor(&mut self.store).await?;
        let opened = interface.manager().call_open(&mut self.store, ".", OPTIONS, configuration).await?;
        Ok(*self.manager.insert(checked(&self.place, opened)?))
    }

    fn parts(&mut self) -> (&session_store::Guest, &mut Store<Guest>, ResourceAny) {
        (self.component.session3_sessions_session_store(), &mut self.store, self.sessions)
    }

    fn checked<T>(&self, result: Result<T, Error>) -> Result<T> {
        checked(&self.place, result)
    }
}

/// The manager's data in a session.
pub struct Inspected {
    pub user: Option<String>,
    pub attributes: Vec<(String, session_manager::Value)>,
    pub remote_address: Option<String>,
    pub dump: String,
}

const OPTIONS: Options = Options { create: false, durability: Durability::Relaxed, size_limit: None, lock_wait: None };

/// Open a store for one command: no metrics, no events.
async fn open(place: Place, location: &Location, options: Options) -> Result<Admin> {
    let sandbox = Sandbox {
        place,
        cache: Cache::new(&location.cache)?,
        memory_limit: MEMORY_LIMIT,
        max_resources: MAX_RESOURCES,
        max_waiters: 1,
        metrics: None,
        log: EventLog::default(),
    };
    let opened = Loader::new(&sandbox)?.open_with(&sandbox, options).await?;
    opened.ok_or_else(|| sandbox.place.no_store())
}

/// The component, compiled.
pub struct Loader {
    engine: Engine,
    linker: Linker<Guest>,
    component: Component,
}

impl Loader {
    pub fn new(sandbox: &Sandbox) -> Result<Self> {
        let sessions = sandbox.place.sessions;
        let engine = engine::for_command()?;
        let component = sessions.component()?;
        let component = sandbox.cache.component(&engine, &[&component], || Ok((&*component).into()))?;
        let linker = guest::linker(&engine, sessions)?;
        Ok(Self { engine, linker, component })
    }

    /// An instance with the directory's store, or `None` if it holds none.
    pub async fn open(&self, sandbox: &Sandbox) -> Result<Option<Admin>> {
        self.open_with(sandbox, OPTIONS).await
    }

    async fn open_with(&self, sandbox: &Sandbox, options: Options) -> Result<Option<Admin>> {
        let place = sandbox.place.clone();
        let mut store = sandbox.store(&self.engine)?;
        let component = FileBacked::instantiate_async(&mut store, &self.component, &self.linker).await?;
        let stores = component.session3_sessions_session_store();
        let opened = stores.store().call_open(&mut store, ".", options).await?;
        if matches!(opened, Err(Error::NoSuchStore(_))) {
            return Ok(None);
        }
        let sessions = checked(&place, opened)?;
        Ok(Some(Admin { store, component, sessions, manager: None, place }))
    }
}

fn checked<T>(place: &Place, result: Result<T, Error>) -> Result<T> {
    result.map_err(|error| wit_error::explain(error, place))
}
