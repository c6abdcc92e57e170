//! Compiled components on disk: a start need not compile what an earlier one has compiled.
//!
//! A compiled component is native code: who can write it has all rights of this process. So it is neither written to nor
//! read from a directory that another user can change. The name of a file is a hash of all that the code depends on, and a
//! file is complete once it has its name.

use crate::cli::CacheArgs;
use crate::progress::Progress;
use nix::unistd::geteuid;
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::env;
use std::fs::{self, DirBuilder, File, Metadata};
use std::hash::{Hash, Hasher};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{self, Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tracing::{debug, warn};
use wasmtime::component::Component;
use wasmtime::error::Context;
use wasmtime::{Engine, Result, bail};

/// Files that no start has used for this long are deleted.
const KEPT: Duration = Duration::from_secs(30 * 24 * 3600);

/// Write permission of the group and of others.
const WRITABLE_BY_OTHERS: u32 = 0o022;
/// In such a directory, each user can rename and delete only their own files.
const STICKY: u32 = 0o1000;

/// A directory for compiled components, if there is one.
#[derive(Clone)]
pub struct Cache(Option<Arc<Path>>);

impl Cache {
    /// The directory in the arguments, which must be usable, or else the user's own.
    pub fn new(args: &CacheArgs) -> Result<Self> {
        let given = args.cache.as_deref();
        let directory = given.map(Cow::from).or_else(|| users_own().map(Cow::from));
        let Some(directory) = directory.filter(|_| !args.no_cache) else { return Ok(Self(None)) };
        match prepare(&directory) {
            Ok(directory) => Ok(Self(Some(directory.into()))),
            Err(error) if given.is_some() => Err(error),
            Err(error) => {
                debug!("compiled components are not kept: {error:#}");
                Ok(Self(None))
            }
        }
    }

    /// The component that `build` makes of these sources, compiled: now, or by an earlier start.
    pub fn component<'a>(
        &self,
        engine: &Engine,
        sources: &[&[u8]],
        build: impl FnOnce() -> Result<Cow<'a, [u8]>>,
    ) -> Result<Component> {
        let Some(directory) = &self.0 else { return compiled(engine, &build()?) };
        let path = directory.join(format!("{}.cwasm", key(engine, sources)));
        match load(engine, &path) {
            Ok(Some(component)) => return Ok(component),
            Ok(None) => {}
            Err(error) => warn!("{} cannot be used, and is compiled again: {error:#}", path.display()),
        }
        let component = compiled(engine, &build()?)?;
        if let Err(error) = keep(directory, &path, &component) {
            warn!("the compiled component is not kept: {error:#}");
        }
        Ok(component)
    }
}

/// `$XDG_CACHE_HOME/session3`, or `~/.cache/session3`.
fn users_own() -> Option<PathBuf> {
    let set = |name| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let caches = set("XDG_CACHE_HOME").or_else(|| Some(set("HOME")?.join(".cache")))?;
    Some(caches.join("session3"))
}

/// Makes the directory if it is missing. Returns its path without links, none of whose directories others can change.
fn prepare(directory: &Path) -> Result<PathBuf> {
    let directory = path::absolute(directory)?;
    if let Some(there) = directory.ancestors().skip(1).find(|it| it.exists()) {
        check(there, &directory)?;
    }
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&directory)
        .with_context(|| format!("cannot create the directory {} for compiled components", directory.display()))?;
    check(&directory, &directory)
}

/// Checks the path of a directory on the way to the cache, or of the cache. Returns it without links.
fn check(directory: &Path, cache: &Path) -> Result<PathBuf> {
    let real = fs::canonicalize(directory).with_context(|| format!("cannot resolve {}", directory.display()))?;
    for (level, part) in real.ancestors().enumerate() {
        let metadata = fs::metadata(part).with_context(|| format!("cannot access {}", part.display()))?;
        if !is_ours_alone(&metadata, level > 0 || directory != cache) {
            bail!(
                "other users can change {}, so compiled components in {} could be theirs; give another directory with \
                 --cache, or --no-cache",
                part.display(),
                cache.display()
            );
        }
    }
    Ok(real)
}

/// Whether only this user can change it. For a directory above, root as well, and others if they can only add to it.
fn is_ours_alone(metadata: &Metadata, is_above: bool) -> bool {
    let is_ours = metadata.uid() == geteuid().as_raw() || is_above && metadata.uid() == 0;
    let is_sticky = is_above && metadata.mode() & STICKY != 0;
    is_ours && (metadata.mode() & WRITABLE_BY_OTHERS == 0 || is_sticky)
}

/// A hash of the sources, and of Wasmtime's version, its settings and the processor's features.
fn key(engine: &Engine, sources: &[&[u8]]) -> String {
    let mut hasher = Sha(Sha256::new());
    engine.precompile_compatibility_hash().hash(&mut hasher);
    for source in sources {
        hasher.0.update((source.len() as u64).to_le_bytes());
        hasher.0.update(source);
    }
    hasher.0.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What is hashed, for SHA-256.
struct Sha(Sha256);

impl Hasher for Sha {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// Not used: this hash has more bits.
    fn finish(&self) -> u64 {
        0
    }
}

fn compiled(engine: &Engine, component: &[u8]) -> Result<Component> {
    Progress::during("compiling", || Component::from_binary(engine, component))
}

/// None if there is no such file.
fn load(engine: &Engine, path: &Path) -> Result<Option<Component>> {
    let metadata = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    if !metadata.is_file() || !is_ours_alone(&metadata, false) {
        bail!("other users can change it");
    }
    #[expect(unsafe_code, reason = "compiled code cannot be checked")]
    // SAFETY: `keep` of this user has written it, and nobody else can change it, nor any directory on the way. Wasmtime
    // checks its own version and settings.
    let component = unsafe { Component::deserialize_file(engine, path) }?;
    // The time of last use: a failure makes it look unused, no more.
    let _ = File::options().write(true).open(path).and_then(|file| file.set_modified(SystemTime::now()));
    Ok(Some(component))
}

/// Writes the file so that it has its name only when it is complete, also after a power cut.
fn keep(directory: &Path, path: &Path, component: &Component) -> Result<()> {
    // A name of its own: processes of two containers may have the same number.
    let mut new = tempfile::Builder::new().suffix(".new").tempfile_in(directory)?;
    new.write_all(&component.serialize()?)?;
    new.as_file().sync_all()?;
    new.persist(path)?;
    delete_unused(directory);
    Ok(())
}

/// What other versions and programs have left, and what a killed process has.
fn delete_unused(directory: &Path) {
    let Ok(files) = fs::read_dir(directory) else { return };
    for file in files.flatten() {
        let is_old =
            file.metadata().and_then(|it| it.modified()).is_ok_and(|time| time.elapsed().is_ok_and(|it| it > KEPT));
        let extension = file.path().extension().map(|it| it.to_owned());
        if is_old && extension.is_some_and(|it| it == "cwasm" || it == "new") {
            // Another process may have deleted it.
            let _ = fs::remove_file(file.path());
        }
    }
}
