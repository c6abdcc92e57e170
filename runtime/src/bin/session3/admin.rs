//! How the commands work on a store: through the embedded component, as an application would.

use crate::cli::StoreArgs;
use crate::compose::Sessions;
use crate::guest::{Guest, MAX_RESOURCES, Sandbox};
use crate::{dir, engine, guest, wit_error};
use session_runtime::LockSpace;
use session_runtime::bindings::FileBacked;
use session_runtime::bindings::exports::session3::sessions::session_manager;
use session_runtime::bindings::exports::session3::sessions::session_store::{
    self, Durability, Error, GarbageReport, Options, Page, SessionInfo, Usage,
};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use wasmtime::component::{Component, Linker, ResourceAny};
use wasmtime::{Engine, Result, Store};

/// A listing in memory has to be bounded, but a session may be as large as 16 MiB.
const MEMORY_LIMIT: usize = 256 << 20;
/// The most that a page may have.
const PAGE: u32 = 1000;

/// Run a command to its end.
pub fn run(command: impl Future<Output = Result<ExitCode>>) -> Result<ExitCode> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(command)
}

/// An open store.
pub struct Admin {
    store: Store<Guest>,
    component: FileBacked,
    sessions: ResourceAny,
    dir: PathBuf,
}

impl Admin {
    pub async fn open(args: &StoreArgs) -> Result<Self> {
        let dir = dir::check(&args.dir)?;
        if !dir::has_lock_file(&dir) && !dir::has_lock_files(&dir) {
            // Look first: a lock file would be litter in a directory that holds no store.
            open(&dir, (LockSpace::process(), Sessions::Bare)).await?;
        }
        open(&dir, dir::locks(&dir)?).await
    }

    /// A listing of all sessions. It is read with [`Self::next_page`].
    pub async fn iter_sessions(&mut self) -> Result<ResourceAny> {
        let (stores, store, sessions) = self.parts();
        let answer = stores.store().call_iter_sessions(store, sessions, None).await?;
        self.checked(answer)
    }

    /// The next page of a listing; an empty one is the end.
    pub async fn next_page(&mut self, cursor: ResourceAny) -> Result<Page> {
        let (stores, store, _) = self.parts();
        let answer = stores.session_cursor().call_next_page(store, cursor, PAGE).await?;
        self.checked(answer)
    }

    pub async fn sessions_of(&mut self, owner: &str) -> Result<Vec<SessionInfo>> {
        let (stores, store, sessions) = self.parts();
        let answer = stores.store().call_sessions_of(store, sessions, owner).await?;
        self.checked(answer)
    }

    pub async fn load_session(&mut self, id: &str) -> Result<Option<session_store::Session>> {
        let (stores, store, sessions) = self.parts();
        let answer = stores.store().call_load_session(store, sessions, &id.to_owned()).await?;
        self.checked(answer)
    }

    pub async fn delete_session(&mut self, id: &str) -> Result<bool> {
        let (stores, store, sessions) = self.parts();
        let answer = stores.store().call_delete_session(store, sessions, &id.to_owned()).await?;
        self.checked(answer)
    }

    pub async fn delete_sessions_of(&mut self, owner: &str) -> Result<u64> {
        let (stores, store, sessions) = self.parts();
        let answer = stores.store().call_delete_sessions_of(store, sessions, owner).await?;
        self.checked(answer)
    }

    pub async fn delete_old_sessions(&mut self, minutes: u32) -> Result<(u64, u64)> {
        let (stores, store, sessions) = self.parts();
        let answer = stores.store().call_delete_old_sessions(store, sessions, minutes).await?;
        self.checked(answer)
    }

    pub async fn collect_garbage(&mut self, budget: u32, resume: Option<&str>) -> Result<GarbageReport> {
        let (stores, store, sessions) = self.parts();
        let answer = stores.store().call_collect_garbage(store, sessions, budget, resume).await?;
        self.checked(answer)
    }

    pub async fn usage(&mut self) -> Result<Usage> {
        let (stores, store, sessions) = self.parts();
        let answer = stores.store().call_usage(store, sessions).await?;
        self.checked(answer)
    }

    /// What the manager makes of a session; none when there is none, or when its data is not a manager's.
    pub async fn inspect_session(&mut self, id: &str) -> Result<Option<Inspected>> {
        let interface = self.component.session3_sessions_session_manager();
        let configuration = interface.configuration().call_constructor(&mut self.store).await?;
        let opened = interface.manager().call_open(&mut self.store, ".", OPTIONS, configuration).await?;
        let manager = checked(&self.dir, opened)?;
        let session = match interface.manager().call_inspect_session(&mut self.store, manager, &id.to_owned()).await? {
            Err(Error::Corrupt(_)) | Ok(None) => return Ok(None),
            Ok(Some(session)) => session,
            Err(error) => return Err(wit_error::explain(error, &self.dir)),
        };
        let session_of = interface.session();
        Ok(Some(Inspected {
            user: session_of.call_user(&mut self.store, session).await?,
            attributes: session_of.call_entries(&mut self.store, session).await?,
            remote_address: session_of.call_remote_address(&mut self.store, session).await?,
            dump: session_of.call_dump(&mut self.store, session).await?,
        }))
    }

    fn parts(&mut self) -> (&session_store::Guest, &mut Store<Guest>, ResourceAny) {
        (self.component.session3_sessions_session_store(), &mut self.store, self.sessions)
    }

    fn checked<T>(&self, answer: Result<T, Error>) -> Result<T> {
        checked(&self.dir, answer)
    }
}

/// What a manager keeps in a session.
pub struct Inspected {
    pub user: Option<String>,
    pub attributes: Vec<(String, session_manager::Value)>,
    pub remote_address: Option<String>,
    pub dump: String,
}

const OPTIONS: Options = Options { create: false, durability: Durability::Relaxed, size_limit: None, lock_wait: None };

/// A command is alone, and nobody asks what it does.
async fn open(dir: &Path, (locks, sessions): (LockSpace, Sessions)) -> Result<Admin> {
    let sandbox = Sandbox {
        dir: dir.to_owned(),
        locks,
        sessions,
        memory_limit: MEMORY_LIMIT,
        max_resources: MAX_RESOURCES,
        max_waiters: 1,
        metrics: None,
    };
    let opened = Loader::new(sessions)?.open(&sandbox).await?;
    opened.ok_or_else(|| dir::no_store(dir))
}

/// The component, compiled.
pub struct Loader {
    engine: Engine,
    linker: Linker<Guest>,
    component: Component,
}

impl Loader {
    pub fn new(sessions: Sessions) -> Result<Self> {
        let engine = engine::for_command()?;
        let component = Component::from_binary(&engine, &sessions.component()?)?;
        let linker = guest::linker(&engine)?;
        Ok(Self { engine, linker, component })
    }

    /// An instance with the directory's store; none when it holds none.
    pub async fn open(&self, sandbox: &Sandbox) -> Result<Option<Admin>> {
        let dir = sandbox.dir.clone();
        let mut store = sandbox.store(&self.engine)?;
        let component = FileBacked::instantiate_async(&mut store, &self.component, &self.linker).await?;
        let stores = component.session3_sessions_session_store();
        let opened = stores.store().call_open(&mut store, ".", OPTIONS).await?;
        if matches!(opened, Err(Error::NoSuchStore(_))) {
            return Ok(None);
        }
        let sessions = checked(&dir, opened)?;
        Ok(Some(Admin { store, component, sessions, dir }))
    }
}

fn checked<T>(dir: &Path, answer: Result<T, Error>) -> Result<T> {
    answer.map_err(|error| wit_error::explain(error, dir))
}
