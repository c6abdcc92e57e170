//! A store: open, set up, create, load, touch. None of these takes a session's lock except `create`.

use alloc::format;
use alloc::rc::Rc;
use alloc::vec::Vec;

use session_core::error::{Error, Result};
use session_core::record::{MAX_OWNER, Version};
use session_core::slots::{MAX_DATA, Slots};
use session_core::store::{Contents, Instant, Milliseconds, Owners, Record, Sessions, Usage};
use session_core::{SessionId, expiry, mutant};
use wasi::filesystem::preopens::get_directories;

use crate::bindings::session3::sessions::session_events::Event;
use crate::directory::{self, Directory, ErrorCode, File, changed, done, failed};
use crate::events;
use crate::guard::Guard;
use crate::layout;
use crate::listing::Cursor;
use crate::locks::{self, Lock};
use crate::marker::Marker;
use crate::{commit, owners, usage};

/// Reading again while a writer is at work: this often, then what was read last counts.
const READS: usize = 4;

/// How long set-up waits for others who are setting up, in milliseconds.
const SETUP_WAIT: Milliseconds = 10_000;

/// How often the sessions of an owner are looked for again before it is given up: someone logs in all the time.
const LOGOUT_ROUNDS: usize = 100;

/// How to open a store, checked.
#[derive(Clone, Copy)]
pub struct Options {
    /// Set the store up when there is none.
    pub create: bool,
    /// Sync the data of every save.
    pub durable: bool,
    /// Most bytes of data.
    pub size_limit: u32,
    /// How long to wait for a session's lock.
    pub lock_wait: Milliseconds,
}

/// A store. Clones are handles to the same one.
#[derive(Clone)]
pub struct Store(Rc<Inner>);

struct Inner {
    root: Directory,
    marker: Marker,
    options: Options,
}

impl Store {
    /// Open the store at a location.
    pub fn open(location: &str, options: Options) -> Result<Self> {
        check(&options)?;
        let root = match locate(location, options.create)? {
            Some(root) => root,
            None => return Err(no_store(location)),
        };
        let marker = match Marker::read(&root)? {
            Some(marker) => marker,
            None if options.create => set_up_once(&root)?.1,
            None => return Err(no_store(location)),
        };
        let store = Self(Rc::new(Inner { root, marker, options }));
        store.refresh_marker();
        Ok(store)
    }

    /// Set up a new store.
    pub fn setup(location: &str, options: Options) -> Result<Self> {
        check(&options)?;
        let root = locate(location, true)?.ok_or_else(|| no_store(location))?;
        match set_up_once(&root)? {
            (true, marker) => Ok(Self(Rc::new(Inner { root, marker, options }))),
            (false, _) => Err(Error::AlreadyExists),
        }
    }

    /// The store's directory.
    pub fn root(&self) -> &Directory {
        &self.0.root
    }

    /// Keep the file young that says that here is a store.
    pub fn refresh_marker(&self) {
        self.0.marker.refresh(self.root());
    }

    /// Whether saves are synced.
    pub fn is_durable(&self) -> bool {
        self.0.options.durable
    }

    /// Check what a client wants to store.
    pub fn check(&self, contents: &Contents) -> Result<()> {
        let limit = self.0.options.size_limit;
        if contents.data.len() > limit as usize {
            return Err(Error::TooLarge(limit));
        }
        contents.owner.as_deref().map_or(Ok(()), check_owner)
    }

    /// Lock a session.
    pub fn lock_for(&self, id: &SessionId, exclusive: bool, wait: Option<Milliseconds>) -> Result<Guard> {
        let wait = wait.unwrap_or(self.0.options.lock_wait);
        let Inner { root, marker, .. } = &*self.0;
        let lock = Lock::acquire(&locks::of_session(marker.id(), id), exclusive, wait)?;
        marker.check(root)?;
        Ok(Guard::new(self.clone(), id.clone(), lock))
    }

    /// Store a new session; with no id, under a random one.
    pub fn create_session(&self, id: Option<SessionId>, contents: &Contents) -> Result<Record> {
        self.check(contents)?;
        let id = id.unwrap_or_else(random_id);
        let mut guard = self.lock_for(&id, true, None)?;
        guard.refuse_taken()?;
        let now = directory::now();
        let version = Version::of(contents, 1, now, now);
        let first = version.owner.filter(|_| !mutant!("index entry last"));
        owners::with_entry(self.root(), first, &id, || commit::new_file(self.root(), &id, &version))?;
        events::tell(&id, Event::Created);
        if let Some(owner) = version.owner
            && mutant!("index entry last")
        {
            owners::add(self.root(), owner, &id)?;
        }
        Ok(record(id.clone(), &version, now, now))
    }

    /// The newest record, or none.
    pub fn load_session(&self, id: &SessionId) -> Result<Option<Record>> {
        self.read(id, |version, touched, now| record(id.clone(), version, touched, now))
    }

    /// Whether a load would find it.
    pub fn has_session(&self, id: &SessionId) -> Result<bool> {
        Ok(self.read(id, |_, _, _| ())?.is_some())
    }

    /// Like a load, but an expired or unreadable session is left as it is. The size comes with the record, the data
    /// does not.
    pub fn peek(&self, id: &SessionId) -> Result<Option<Peek>> {
        let Some(found) = Found::read(self.root(), id)? else { return Ok(None) };
        let slots = found.slots(id)?;
        let version = slots.live();
        let now = directory::now();
        let touched = found.touched()?;
        Ok(Some(Peek {
            expired: expiry::expired(&version, touched, now),
            dated: expiry::last_active(&version, touched, now),
            size: version.data.len() as u32,
            record: record(id.clone(), &Version { data: b"", ..version }, touched, now),
        }))
    }

    fn read<T>(&self, id: &SessionId, answer: impl FnOnce(&Version, Instant, Instant) -> T) -> Result<Option<T>> {
        let Some(found) = Found::read(self.root(), id)? else { return Ok(None) };
        let slots = match found.slots(id) {
            Ok(slots) => slots,
            Err(error) => return self.read_alone(id, error, answer),
        };
        let version = slots.live();
        let touched = found.touched()?;
        let now = directory::now();
        if expiry::expired(&version, touched, now) {
            self.bury(id);
            return Ok(None);
        }
        Ok(Some(answer(&version, touched, now)))
    }

    /// Delete a session that was seen to be expired, so that it stays expired when the clock is stepped back. Someone
    /// who holds its lock will see for himself; a store that cannot be written keeps it for now.
    fn bury(&self, id: &SessionId) {
        if let Ok(mut guard) = self.lock_for(id, true, Some(0)) {
            let _ = guard.bury_expired();
        }
    }

    /// Read a session that could not be read beside its writers: it may just have been renamed or replaced. Alone with
    /// it, what cannot be read is corrupt, and is put aside.
    fn read_alone<T>(
        &self,
        id: &SessionId,
        seen: Error,
        answer: impl FnOnce(&Version, Instant, Instant) -> T,
    ) -> Result<Option<T>> {
        let Ok(guard) = self.lock_for(id, true, None) else { return Err(seen) };
        let found = match guard.find() {
            // It cannot be put aside where nothing can be written; what was seen is then what there is to say.
            Err(Error::AccessDenied(_) | Error::Io(_)) => return Err(seen),
            found => found?,
        };
        let Some((found, now)) = found else { return Ok(None) };
        Ok(Some(answer(&found.slots(id)?.live(), found.touched()?, now)))
    }

    /// Note that a session is in use.
    pub fn touch_session(&self, id: &SessionId) -> Result<()> {
        let doing = "touch the session";
        let Some(found) = Found::write(self.root(), id)? else { return Err(Error::Gone) };
        let slots = match found.slots(id) {
            Ok(slots) => slots,
            Err(error) => {
                let guard = self.lock_for(id, true, None).map_err(|_| error)?;
                let (found, now) = guard.find()?.ok_or(Error::Gone)?;
                return changed(found.file.set_modified(now), doing);
            }
        };
        let now = directory::now();
        if expiry::expired(&slots.live(), found.touched()?, now) {
            self.bury(id);
            return Err(Error::Gone);
        }
        changed(found.file.set_modified(now), doing)
    }

    /// The sessions of an owner, oldest first.
    pub fn sessions_of(&self, owner: &str) -> Result<Cursor> {
        check_owner(owner)?;
        Cursor::of(self.clone(), owner)
    }

    /// How many sessions an owner has, by the index: it may have an entry too many, and never one too few.
    pub fn count_sessions_of(&self, owner: &str) -> Result<u64> {
        check_owner(owner)?;
        owners::count(self.root(), &layout::owner(owner))
    }

    /// Delete the sessions of an owner.
    ///
    /// A session that is renamed meanwhile, by a login say, must not escape under its new id. It is entered in the index
    /// under that before it has it, so the index is read until nothing is left in it to do.
    pub fn delete_sessions_of(&self, owner: &str) -> Result<u64> {
        check_owner(owner)?;
        let path = layout::owner(owner);
        let mut deleted = 0;
        for _ in 0..LOGOUT_ROUNDS {
            let mut done = true;
            for id in owners::ids(self.root(), &path)? {
                let mut guard = self.lock_for(&id, true, None)?;
                let mut elsewhere = true;
                let is_meant = |version: &Version, _, _| {
                    elsewhere = version.owner.is_none_or(|owner| layout::owner(owner) != path);
                    version.owner == Some(owner)
                };
                match guard.delete_if(is_meant) {
                    Ok(true) => deleted += 1,
                    // Gone or of another owner by now; or it cannot be read, was put aside, and lets nobody in.
                    Ok(false) | Err(Error::Corrupt(_)) if elsewhere => owners::remove_at(self.root(), &path, &id),
                    // Another owner's, whose hash is the same.
                    Ok(false) | Err(Error::Corrupt(_)) => continue,
                    Err(error) => return Err(error),
                }
                done = false;
            }
            if done {
                return Ok(deleted);
            }
        }
        Err(Error::Busy)
    }
}

impl Sessions for Store {
    type Guard = Guard;

    fn create(&self, id: &SessionId, contents: Contents) -> Result<Record> {
        self.create_session(Some(id.clone()), &contents)
    }

    fn load(&self, id: &SessionId) -> Result<Option<Record>> {
        self.load_session(id)
    }

    fn touch(&self, id: &SessionId) -> Result<()> {
        self.touch_session(id)
    }

    fn lock(&self, id: &SessionId) -> Result<Guard> {
        self.lock_for(id, true, None)
    }

    fn usage(&self) -> Result<Usage> {
        usage::usage(self)
    }
}

impl Owners for Store {
    fn ids_of(&self, owner: &str) -> Result<Vec<SessionId>> {
        Ok(self.sessions_of(owner)?.into_ids())
    }

    fn count_of(&self, owner: &str) -> Result<u64> {
        self.count_sessions_of(owner)
    }

    fn delete_of(&self, owner: &str) -> Result<u64> {
        self.delete_sessions_of(owner)
    }
}

/// A session seen in passing, without its data.
pub struct Peek {
    /// The session, its data left out.
    pub record: Record,
    /// Length of its data.
    pub size: u32,
    /// Whether it has expired.
    pub expired: bool,
    /// Its last activity; none when its stamps all lie in the future.
    pub dated: Option<Instant>,
}

/// A session's file, read.
pub struct Found {
    /// The file.
    pub file: File,
    bytes: Vec<u8>,
}

impl Found {
    /// Read a session's file without its lock.
    pub fn read(root: &Directory, id: &SessionId) -> Result<Option<Self>> {
        let Some(file) = root.read(&layout::session(id)).map_err(failed("load the session"))? else { return Ok(None) };
        let mut found = Self { bytes: contents(&file)?, file };
        for _ in 1..READS {
            // A slot was not whole: a writer is at work, and the version before it may have been read before that
            // one came. Or a writer died long ago; then reading again changes nothing.
            if !found.slots(id).is_ok_and(|slots| slots.torn()) {
                break;
            }
            let bytes = contents(&found.file)?;
            if bytes == found.bytes {
                break;
            }
            found.bytes = bytes;
        }
        Ok(Some(found))
    }

    /// Read a session's file to write it: under its exclusive lock, except for a touch.
    pub fn write(root: &Directory, id: &SessionId) -> Result<Option<Self>> {
        let Some(file) = root.write(&layout::session(id)).map_err(failed("open the session for writing"))? else {
            return Ok(None);
        };
        if mutant!("sync after acknowledging") {
            let _ = file.sync();
        }
        Ok(Some(Self { bytes: contents(&file)?, file }))
    }

    /// The versions in it.
    pub fn slots(&self, id: &SessionId) -> Result<Slots<'_>> {
        Slots::parse(&self.bytes, id)
    }

    /// When it was last saved or touched.
    pub fn touched(&self) -> Result<Instant> {
        self.file.modified().map_err(failed("see when the session was last used"))
    }
}

fn contents(file: &File) -> Result<Vec<u8>> {
    file.contents().map_err(failed("load the session"))
}

/// A random id.
pub fn random_id() -> SessionId {
    SessionId::generate(random_16())
}

/// 128 random bits from the host.
pub fn random_16() -> [u8; 16] {
    let (high, low) = (wasi::random::random::get_random_u64(), wasi::random::random::get_random_u64());
    (u128::from(high) << 64 | u128::from(low)).to_le_bytes()
}

/// A version as a record, last used when its file says.
pub fn record(id: SessionId, version: &Version, touched: Instant, now: Instant) -> Record {
    Record {
        id,
        version: version.version,
        created: version.created,
        modified: version.modified,
        last_active: expiry::last_active(version, touched, now).unwrap_or(version.created.min(now)),
        contents: version.to_contents(),
    }
}

fn check(options: &Options) -> Result<()> {
    if options.size_limit > MAX_DATA {
        return Err(Error::InvalidArgument(format!("the size limit is at most {MAX_DATA} bytes")));
    }
    Ok(())
}

fn check_owner(owner: &str) -> Result<()> {
    if (1..=MAX_OWNER).contains(&owner.len()) {
        return Ok(());
    }
    Err(Error::InvalidArgument(format!("an owner has 1 to {MAX_OWNER} bytes, this one {}", owner.len())))
}

fn no_store(location: &str) -> Error {
    Error::NoSuchStore(format!(
        "there is no session store at `{location}`: set one up, open it with `create`, or check the location and what \
         the host preopens"
    ))
}

/// Find the directory of a location. None when it is not there and is not to be made.
fn locate(location: &str, create: bool) -> Result<Option<Directory>> {
    let parts = parse_location(location)?;
    let preopens = get_directories();
    #[cfg(mutants)]
    if let Some(name) = preopens.iter().find_map(|(_, name)| name.strip_prefix("mutant ")) {
        session_core::mutants::choose(name);
    }
    let named = preopens.iter().find(|(_, name)| preopens.len() > 1 && parts.first() == Some(&name.trim_matches('/')));
    let (preopen, parts) = match named {
        Some((preopen, _)) => (preopen, &parts[1..]),
        None => match preopens.first() {
            Some((preopen, _)) => (preopen, &parts[..]),
            None => return Err(Error::AccessDenied("the host gives this component no directory; preopen one".into())),
        },
    };
    let doing = "open the directory of the store";
    let mut directory = Directory::of_preopen(preopen).map_err(failed(doing))?;
    for part in parts {
        directory = match directory.directory(part) {
            Ok(next) => next,
            Err(ErrorCode::NoEntry) if create => {
                directory.make_directory(part).map_err(failed("make the directory of the store"))?;
                directory.directory(part).map_err(failed(doing))?
            }
            Err(ErrorCode::NoEntry) => return Ok(None),
            Err(code) => return Err(failed(doing)(code)),
        };
    }
    Ok(Some(directory))
}

fn parse_location(location: &str) -> Result<Vec<&str>> {
    if location == "." {
        return Ok(Vec::new());
    }
    let parts: Vec<&str> = location.split('/').collect();
    if parts.iter().any(|part| matches!(*part, "" | "." | "..") || part.contains(['\\', '\0'])) {
        return Err(Error::InvalidArgument(
            "a location is `.` or a path below the preopened directory, without `..`, empty parts or a leading `/`"
                .into(),
        ));
    }
    Ok(parts)
}

/// Make the directory a store, unless it is one. Says whether it did. Under a lock: two stores
/// in one directory would lock past each other. The marker comes last, so a set-up that was killed is done again.
fn set_up_once(root: &Directory) -> Result<(bool, Marker)> {
    let doing = "set up the store";
    let _alone = Lock::acquire(locks::SETUP, true, SETUP_WAIT)?;
    if let Some(marker) = Marker::read(root)? {
        return Ok((false, marker));
    }
    for directory in [layout::SESSIONS, layout::OWNERS, layout::QUARANTINE] {
        done(root.make_directory(directory), doing)?;
    }
    for number in 0..=u8::MAX {
        done(root.make_directory(&layout::shard(layout::SESSIONS, number)), doing)?;
    }
    done(root.directory(layout::SESSIONS).and_then(|sessions| sessions.sync()), doing)?;
    Ok((true, Marker::make(root, &random_id())?))
}
