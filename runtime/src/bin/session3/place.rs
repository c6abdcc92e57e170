//! Where the sessions of a command are: in a directory, or on a server.

use crate::cli::{Location, Scope};
use crate::components::compose::Sessions;
use crate::dir::{self, Private};
use session_runtime::LockSpace;
use session_runtime::engines::SharedEngine;
use session_runtime::engines::memory::Memory;
use session_runtime::engines::postgres::PostgresBuilder;
use session_runtime::engines::redis::RedisBuilder;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tracing::info;
use wasmtime::error::Context;
use wasmtime::{Result, bail, format_err};
use wasmtime_wasi::filesystem::FsPerms;

/// The variable with the server's password. It is not shown by `ps`, as a URL is.
const PASSWORD: &str = "SESSION3_STORE_PASSWORD";

/// Where sessions are, and the locks and the component that go with it. Clones share the locks.
#[derive(Clone)]
pub struct Place {
    pub medium: Medium,
    pub locks: LockSpace,
    /// The component that provides sessions.
    pub sessions: Sessions,
}

/// What keeps the sessions.
#[derive(Clone)]
pub enum Medium {
    /// A directory, and the permissions in it.
    Directory(Arc<Private>, FsPerms),
    /// An engine, and its name for messages, without a password.
    Engine(SharedEngine, Arc<str>),
}

/// A store, as named on the command line.
enum Named {
    Directory(PathBuf),
    Memory,
    /// An engine, and its name for messages.
    Server(SharedEngine, String),
}

impl Place {
    /// For a server of requests: a directory is created if it is missing.
    pub fn to_serve(location: &Location, scope: Scope) -> Result<Self> {
        let named = named(location)?;
        if scope == Scope::Process && !matches!(named, Named::Directory(_)) {
            bail!("--scope process is for a directory: it cannot exclude the other processes that use a server");
        }
        match named {
            Named::Directory(dir) => {
                let dir = dir::create_or_check(&dir)?;
                let (locks, sessions) = dir::locks(&dir, scope)?;
                if sessions == Sessions::WithLockFiles {
                    info!("other hosts use lock files in {}: using them too", dir.join("locks").display());
                }
                Ok(Self::directory(dir, FsPerms::ReadWrite, locks, sessions))
            }
            Named::Memory => Ok(Self::engine(SharedEngine::new(Memory::default()), "the memory of this process")),
            Named::Server(engine, name) => Ok(Self::engine(engine, &name)),
        }
    }

    /// For a command that changes sessions: a directory is locked as its other processes lock it.
    pub fn to_change(location: &Location) -> Result<Self> {
        match named(location)? {
            Named::Directory(dir) => {
                let dir = dir::check_to_change(&dir)?;
                let (locks, sessions) = dir::locks(&dir, Scope::Machine)?;
                Ok(Self::directory(dir, FsPerms::ReadWrite, locks, sessions))
            }
            named => Self::to_administer(named),
        }
    }

    /// For a command that fills a store: as to serve, but a store in the memory of this process would end with it.
    pub fn to_fill(location: &Location) -> Result<Self> {
        match named(location)? {
            Named::Memory => Self::to_administer(Named::Memory),
            _ => Self::to_serve(location, Scope::Machine),
        }
    }

    /// For a command that only reads. Readers of a directory need no lock, so this works on a backup or a snapshot where
    /// no lock file can be created. Lack of exclusion is safe because nothing can be written: an expired session that is
    /// read is left for others to delete, and an unreadable one is not quarantined.
    pub fn to_read(location: &Location) -> Result<Self> {
        match named(location)? {
            Named::Directory(dir) => {
                let dir = dir::check_to_read(&dir)?;
                Ok(Self::directory(dir, FsPerms::ReadOnly, LockSpace::process(), Sessions::Bare))
            }
            named => Self::to_administer(named),
        }
    }

    fn to_administer(named: Named) -> Result<Self> {
        match named {
            Named::Server(engine, name) => Ok(Self::engine(engine, &name)),
            _ => bail!("the sessions in the memory of a server are out of reach for other commands"),
        }
    }

    fn directory(dir: PathBuf, access: FsPerms, locks: LockSpace, sessions: Sessions) -> Self {
        Self { medium: Medium::Directory(Arc::new(Private::new(dir)), access), locks, sessions }
    }

    fn engine(engine: SharedEngine, name: &str) -> Self {
        Self { medium: Medium::Engine(engine, name.into()), locks: LockSpace::process(), sessions: Sessions::OnHost }
    }

    /// Its name for messages.
    pub fn name(&self) -> String {
        match &self.medium {
            Medium::Directory(dir, _) => dir.path().display().to_string(),
            Medium::Engine(_, name) => name.to_string(),
        }
    }

    /// The error of a command that finds no store.
    pub fn no_store(&self) -> wasmtime::Error {
        match &self.medium {
            Medium::Directory(dir, _) => dir::no_store(dir.path()),
            Medium::Engine(_, name) => {
                format_err!("there is no session store on {name}; serve an application with this --store, or check it")
            }
        }
    }

    /// Check that a server can be reached, which it is waited for; a directory can.
    pub async fn check(&self) -> Result<()> {
        let Medium::Engine(engine, name) = &self.medium else { return Ok(()) };
        engine.check().await.map_err(|error| format_err!("cannot use {name}: {error}"))
    }
}

/// The directory with the sessions, if they are in one.
pub fn directory(location: &Location) -> Option<&Path> {
    match &location.store {
        None => Some(&location.dir),
        Some(store) => {
            let dir = store.0.strip_prefix("file:")?;
            Some(Path::new(dir.strip_prefix("//").unwrap_or(dir)))
        }
    }
}

fn named(location: &Location) -> Result<Named> {
    let named = match directory(location) {
        Some(dir) if dir.as_os_str().is_empty() => bail!("{} file: needs a directory", location.option),
        Some(dir) => Named::Directory(dir.to_owned()),
        None => server(location)?,
    };
    if !matches!(named, Named::Server(..)) && location.store_password_file.is_some() {
        bail!("{}-password-file is for a server", location.option);
    }
    Ok(named)
}

fn server(location: &Location) -> Result<Named> {
    let option = location.option;
    let store = location.store.as_ref().map_or("", |url| &url.0);
    let patience = Duration::from_secs(location.store_timeout);
    match store.split_once(':') {
        Some(("memory", "")) => Ok(Named::Memory),
        Some(("redis" | "rediss" | "redis-cluster" | "rediss-cluster", _)) => {
            let mut redis = RedisBuilder::new(store).map_err(|error| format_err!("{option} is no URL: {error}"))?;
            if let Some(password) = password(location)? {
                redis = redis.password(&password);
            }
            let name = redis.to_string();
            Ok(Named::Server(redis.patience(patience).build(), name))
        }
        Some(("postgres" | "postgresql", _)) => {
            let mut postgres =
                PostgresBuilder::new(store).map_err(|error| format_err!("{option} is no URL: {error}"))?;
            if let Some(password) = password(location)? {
                postgres = postgres.password(&password);
            }
            let name = postgres.to_string();
            Ok(Named::Server(postgres.patience(patience).build(), name))
        }
        // The text may contain a password.
        _ => bail!(
            "{option} is none of redis://HOST, rediss://HOST, redis-cluster://HOST,..., postgres://HOST/DATABASE, \
             memory: and file:DIR"
        ),
    }
}

/// From the file or the environment; none if the URL has it, or there is none.
fn password(location: &Location) -> Result<Option<String>> {
    if let Some(file) = &location.store_password_file {
        let text =
            fs::read_to_string(file).with_context(|| format!("cannot read the password in {}", file.display()))?;
        return Ok(Some(text.trim_end_matches(['\r', '\n']).to_owned()));
    }
    match std::env::var(PASSWORD) {
        Ok(password) => Ok(Some(password)),
        Err(std::env::VarError::NotPresent) => Ok(None),
        Err(std::env::VarError::NotUnicode(_)) => bail!("{PASSWORD} is not UTF-8"),
    }
}
