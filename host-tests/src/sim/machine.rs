//! The simulated machine: disk, clock and random numbers behind the host functions that the component imports.

use std::sync::{Arc, Mutex, MutexGuard};

use session_runtime::{LockSpace, Locks, LocksCtx, LocksView};
use wasmtime::component::{Component, Linker, Resource, ResourceTable, ResourceType};
use wasmtime::{Config, Engine, PoolingAllocationConfig, Store, StoreContextMut};
use wasmtime_wasi::p2::bindings::clocks::wall_clock::Datetime;
use wasmtime_wasi::p2::bindings::sync::filesystem::types::{
    DescriptorFlags, DescriptorStat, DescriptorType, DirectoryEntry, ErrorCode, NewTimestamp, OpenFlags, PathFlags,
};

use super::defect::{Defect, PLANTED};
use super::disk::{Disk, Inode, Io, ROOT};
use super::fault::{Fault, Refusal};
use crate::coverage;
use session_conformance::bindings::FileBackedPre;

/// The state that outlives an instance.
#[derive(Clone, Debug)]
pub struct World {
    /// The disk.
    pub disk: Disk,
    /// Milliseconds since 1970.
    pub clock: u64,
    /// The state of the random number generator, which makes runs reproducible.
    pub random: u64,
}

/// A recorded host call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The function's name in WASI.
    pub function: &'static str,
    /// The path argument, if any.
    pub path: String,
    /// Whether it failed with `no-entry`.
    pub found_nothing: bool,
}

/// An action that runs just before a host call.
pub type Interruption = Box<dyn FnOnce() + Send>;

/// The host state of an instance.
pub struct State {
    world: Arc<Mutex<World>>,
    table: ResourceTable,
    locks: LocksCtx,
    defect: Option<Defect>,
    /// The state of a defect.
    memory: Memory,
    calls: Vec<Call>,
    fault: Option<(usize, Fault)>,
    interruption: Option<(usize, Interruption)>,
}

/// Earlier calls that a defect depends on.
#[derive(Default)]
struct Memory {
    /// A file whose sync was deferred.
    unsynced: Option<Inode>,
    /// A write has failed, with no write since.
    write_failed: bool,
    /// A name was removed, with no sync of its directory since.
    removed: bool,
}

struct Descriptor(Inode);

struct Entries(std::vec::IntoIter<String>);

impl LocksView for State {
    fn locks(&mut self) -> Locks<'_> {
        Locks { ctx: &mut self.locks, table: &mut self.table }
    }
}

impl State {
    /// Creates the state of a new instance.
    pub fn new(world: &Arc<Mutex<World>>, locks: &LockSpace, defect: Option<Defect>) -> Self {
        // A private lock space: locks then exclude no other instance.
        let locks = if defect == Some(Defect::LockReleasedEarly) { &LockSpace::process() } else { locks };
        Self {
            world: world.clone(),
            table: ResourceTable::new(),
            locks: LocksCtx::new(locks),
            defect,
            memory: Memory::default(),
            calls: Vec::new(),
            fault: None,
            interruption: None,
        }
    }

    /// Injects a fault at a host call, counted from now.
    pub fn plan(&mut self, fault: Option<(usize, Fault)>) {
        self.calls.clear();
        self.fault = fault;
    }

    /// Runs an action before a host call, counted from now.
    pub fn interrupt(&mut self, before: usize, interruption: Interruption) {
        self.calls.clear();
        self.interruption = Some((before, interruption));
    }

    /// The host calls since the plan was set.
    pub fn take_calls(&mut self) -> Vec<Call> {
        std::mem::take(&mut self.calls)
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap()
    }

    fn has(&self, defect: Defect) -> bool {
        self.defect == Some(defect)
    }

    /// Performs a sync that a defect has deferred.
    fn sync_late(&mut self, defect: Defect) {
        if self.has(defect)
            && let Some(inode) = self.memory.unsynced.take()
        {
            self.world().disk.sync(inode);
        }
    }

    /// Records a call, and returns the fault to inject.
    fn enter(&mut self, function: &'static str, path: &str) -> wasmtime::Result<Option<Fault>> {
        let number = self.calls.len();
        self.calls.push(Call { function, path: path.into(), found_nothing: false });
        if let Some((_, interruption)) = self.interruption.take_if(|(before, _)| *before == number) {
            interruption();
        }
        match self.fault {
            Some((at, Fault::Trap)) if at == number => Err(wasmtime::Error::msg("the instance is killed")),
            Some((at, Fault::Dead)) if at <= number => Ok(Some(Fault::Refused(Refusal::Eio))),
            Some((at, fault)) if at == number => Ok(Some(fault)),
            _ => Ok(None),
        }
    }

    /// A call that can fail like any file operation.
    fn call<T>(
        &mut self,
        function: &'static str,
        path: &str,
        effect: impl FnOnce(&mut World) -> Io<T>,
    ) -> wasmtime::Result<Io<T>> {
        let answer = match self.enter(function, path)? {
            Some(Fault::Refused(refusal)) => Err(refusal.code()),
            Some(Fault::AfterEffect) => effect(&mut self.world()).and(Err(ErrorCode::Io)),
            _ => effect(&mut self.world()),
        };
        if let (Err(ErrorCode::NoEntry), Some(call)) = (&answer, self.calls.last_mut()) {
            call.found_nothing = true;
        }
        Ok(answer)
    }

    fn inode(&self, descriptor: &Resource<Descriptor>) -> wasmtime::Result<Inode> {
        Ok(self.table.get(descriptor)?.0)
    }

    fn open_at(
        &mut self,
        base: Resource<Descriptor>,
        path: &str,
        open: OpenFlags,
    ) -> wasmtime::Result<Io<Resource<Descriptor>>> {
        let base = self.inode(&base)?;
        self.sync_late(Defect::SyncAfterAcknowledging);
        let opened = self.call("open-at", path, |world| {
            let now = world.clock;
            match world.disk.cache().find(base, path) {
                Ok(_) if open.contains(OpenFlags::EXCLUSIVE) => Err(ErrorCode::Exist),
                Ok(inode) if open.contains(OpenFlags::DIRECTORY) && !world.disk.cache().is_directory(inode) => {
                    Err(ErrorCode::NotDirectory)
                }
                Err(ErrorCode::NoEntry) if open.contains(OpenFlags::CREATE) => world.disk.create(base, path, now),
                found => found,
            }
        })?;
        Ok(match opened {
            Ok(inode) => Ok(self.table.push(Descriptor(inode))?),
            Err(_) if self.has(Defect::IoErrorTakenForNotFound) => Err(ErrorCode::NoEntry),
            Err(code) => Err(code),
        })
    }

    fn read(&mut self, file: Resource<Descriptor>, length: u64, offset: u64) -> wasmtime::Result<Io<(Vec<u8>, bool)>> {
        let inode = self.inode(&file)?;
        let short = self.strikes(Fault::Short);
        self.call("read", "", |world| {
            let (data, _) = world.disk.cache().file(inode)?;
            let from = (offset as usize).min(data.len());
            let wanted = if short { (length / 2).max(1) } else { length };
            let to = from.saturating_add(wanted as usize).min(data.len());
            Ok((data[from..to].to_vec(), !short && to == data.len()))
        })
    }

    fn write(&mut self, file: Resource<Descriptor>, bytes: &[u8], offset: u64) -> wasmtime::Result<Io<u64>> {
        let inode = self.inode(&file)?;
        let takes_back = self.memory.write_failed && bytes == [0; 16];
        if takes_back && self.has(Defect::FailedWriteNotTakenBack) {
            return self.call("write", "", |_| Ok(bytes.len() as u64));
        }
        let written = if self.strikes(Fault::Short) { &bytes[..bytes.len().div_ceil(2)] } else { bytes };
        let told = if self.has(Defect::ShortWriteIgnored) { bytes.len() } else { written.len() };
        let answer = self.call("write", "", |world| {
            let now = world.clock;
            world.disk.write(inode, offset as usize, written, now)?;
            Ok(told as u64)
        })?;
        self.memory.write_failed = answer.is_err();
        self.sync_late(Defect::ProofBeforeSync);
        Ok(answer)
    }

    fn sync(&mut self, file: Resource<Descriptor>) -> wasmtime::Result<Io<()>> {
        let inode = self.inode(&file)?;
        let evicts = self.strikes(Fault::SyncFailsAndEvicts);
        let fails = evicts || self.strikes(Fault::SyncFails);
        if self.leaves_unsynced(inode) {
            return self.call("sync-data", "", |_| Ok(()));
        }
        // The retry finds clean pages and succeeds.
        let failed = if self.has(Defect::RetryAfterFailedSync) { Ok(()) } else { Err(ErrorCode::Io) };
        self.call("sync-data", "", |world| {
            if !fails {
                world.disk.sync(inode);
                return Ok(());
            }
            world.disk.forget(inode);
            if evicts {
                world.disk.evict(inode);
            }
            failed
        })
    }

    /// Whether a defect skips or defers the sync of this file or directory.
    fn leaves_unsynced(&mut self, inode: Inode) -> bool {
        if self.world().disk.cache().is_directory(inode) {
            let removed = std::mem::take(&mut self.memory.removed);
            return self.has(Defect::NoDirectorySync) || removed && self.has(Defect::DeletionNotDurable);
        }
        match self.defect {
            Some(Defect::NoSync) => true,
            Some(Defect::SyncAfterAcknowledging | Defect::RenameBeforeSync | Defect::ProofBeforeSync) => {
                self.memory.unsynced = Some(inode);
                true
            }
            _ => false,
        }
    }

    fn rename(
        &mut self,
        from: Resource<Descriptor>,
        old: &str,
        to: Resource<Descriptor>,
        new: &str,
    ) -> wasmtime::Result<Io<()>> {
        let (from, to) = (self.inode(&from)?, self.inode(&to)?);
        if self.has(Defect::QuarantineDeletes) && new.starts_with("quarantine/") {
            return self.call("rename-at", old, |world| world.disk.unlink(from, old));
        }
        let renamed = self.call("rename-at", old, |world| world.disk.rename(from, old, to, new))?;
        self.sync_late(Defect::RenameBeforeSync);
        Ok(renamed)
    }

    fn unlink(&mut self, base: Resource<Descriptor>, path: &str) -> wasmtime::Result<Io<()>> {
        let base = self.inode(&base)?;
        let stays = match self.defect {
            Some(Defect::TemporaryFileKept) => path.contains('~'),
            Some(Defect::IndexEntryKept) => path.starts_with("owners/"),
            _ => false,
        };
        self.memory.removed = true;
        self.call("unlink-file-at", path, |world| if stays { Ok(()) } else { world.disk.unlink(base, path) })
    }

    /// Whether this fault is planned for the next call.
    fn strikes(&self, fault: Fault) -> bool {
        self.fault == Some((self.calls.len(), fault))
    }

    fn stat(&mut self, inode: Inode) -> wasmtime::Result<Io<DescriptorStat>> {
        self.call("stat", "", |world| stat(world, inode))
    }
}

fn stat(world: &World, inode: Inode) -> Io<DescriptorStat> {
    let tree = world.disk.cache();
    let is_directory = tree.is_directory(inode);
    let (size, modified) = if is_directory { (0, 0) } else { tree.file(inode).map(|(data, at)| (data.len(), at))? };
    Ok(DescriptorStat {
        type_: if is_directory { DescriptorType::Directory } else { DescriptorType::RegularFile },
        link_count: 1,
        size: size as u64,
        data_access_timestamp: None,
        data_modification_timestamp: Some(datetime(modified)),
        status_change_timestamp: None,
    })
}

fn datetime(milliseconds: u64) -> Datetime {
    Datetime { seconds: milliseconds / 1000, nanoseconds: (milliseconds % 1000) as u32 * 1_000_000 }
}

/// A component for simulated machines.
pub struct Subject {
    component: FileBackedPre<State>,
}

impl Subject {
    /// Compiles a component.
    pub fn new(bytes: &[u8]) -> Self {
        let mut pool = PoolingAllocationConfig::default();
        pool.total_component_instances(16)
            .total_core_instances(64)
            .total_memories(16)
            .total_tables(64)
            .total_stacks(16);
        let engine = Engine::new(coverage::allocate(&mut Config::new(), pool)).unwrap();
        let mut linker = Linker::new(&engine);
        session_runtime::add_to_linker(&mut linker).unwrap();
        session_runtime::ignore_events(&mut linker).unwrap();
        add_files(&mut linker).unwrap();
        add_clock_and_random(&mut linker).unwrap();
        let component = Component::new(&engine, bytes).unwrap();
        Self { component: FileBackedPre::new(linker.instantiate_pre(&component).unwrap()).unwrap() }
    }

    /// The component, ready to instantiate.
    pub fn component(&self) -> &FileBackedPre<State> {
        &self.component
    }

    /// The Wasmtime store of an instance.
    pub fn store(&self, state: State) -> Store<State> {
        Store::new(self.component.engine(), state)
    }
}

type Cx<'a> = StoreContextMut<'a, State>;
type File = Resource<Descriptor>;

fn add_clock_and_random(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    linker.instance("wasi:clocks/wall-clock@0.2.12")?.func_wrap("now", |mut cx: Cx<'_>, (): ()| {
        cx.data_mut().enter("now", "")?;
        Ok((datetime(cx.data().world().clock),))
    })?;
    linker.instance("wasi:random/random@0.2.12")?.func_wrap("get-random-u64", |mut cx: Cx<'_>, (): ()| {
        cx.data_mut().enter("get-random-u64", "")?;
        let number = random(&mut cx.data().world().random);
        Ok((if cx.data().has(Defect::TemporaryNamePredictable) { 1 } else { number },))
    })
}

/// SplitMix64 (Steele et al., OOPSLA 2014).
fn random(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

fn add_files(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    linker.instance("wasi:filesystem/preopens@0.2.12")?.func_wrap("get-directories", |mut cx: Cx<'_>, (): ()| {
        let state = cx.data_mut();
        state.enter("get-directories", "")?;
        // The name of a second directory selects the defect in a build with planted defects.
        let planted = PLANTED.iter().position(|name| state.has(Defect::Planted(name)));
        let names = [Some(".".to_owned()), planted.map(|number| format!("defect {number}"))];
        let mut directories = Vec::new();
        for name in names.into_iter().flatten() {
            directories.push((state.table.push(Descriptor(ROOT))?, name));
        }
        Ok((directories,))
    })?;
    let mut types = linker.instance("wasi:filesystem/types@0.2.12")?;
    types.resource("descriptor", ResourceType::host::<Descriptor>(), |mut cx, rep| {
        cx.data_mut().table.delete(Resource::<Descriptor>::new_own(rep))?;
        Ok(())
    })?;
    types.resource("directory-entry-stream", ResourceType::host::<Entries>(), |mut cx, rep| {
        cx.data_mut().table.delete(Resource::<Entries>::new_own(rep))?;
        Ok(())
    })?;
    add_file_functions(&mut types)?;
    add_directory_functions(&mut types)
}

type Types<'a> = wasmtime::component::LinkerInstance<'a, State>;

fn add_file_functions(types: &mut Types<'_>) -> wasmtime::Result<()> {
    types.func_wrap("[method]descriptor.read", |mut cx: Cx<'_>, (file, length, offset): (File, u64, u64)| {
        Ok((cx.data_mut().read(file, length, offset)?,))
    })?;
    types.func_wrap("[method]descriptor.write", |mut cx: Cx<'_>, (file, bytes, offset): (File, Vec<u8>, u64)| {
        Ok((cx.data_mut().write(file, &bytes, offset)?,))
    })?;
    types.func_wrap("[method]descriptor.sync-data", |mut cx: Cx<'_>, (file,): (File,)| {
        Ok((cx.data_mut().sync(file)?,))
    })?;
    types.func_wrap("[method]descriptor.stat", |mut cx: Cx<'_>, (file,): (File,)| {
        let inode = cx.data().inode(&file)?;
        Ok((cx.data_mut().stat(inode)?,))
    })?;
    types.func_wrap("[method]descriptor.get-type", |mut cx: Cx<'_>, (file,): (File,)| {
        let inode = cx.data().inode(&file)?;
        Ok((cx.data_mut().stat(inode)?.map(|stat| stat.type_),))
    })?;
    types.func_wrap(
        "[method]descriptor.set-times",
        |mut cx: Cx<'_>, (file, _, modified): (File, NewTimestamp, NewTimestamp)| {
            let inode = cx.data().inode(&file)?;
            let stamped = cx.data_mut().call("set-times", "", |world| match modified {
                NewTimestamp::NoChange => Ok(()),
                NewTimestamp::Now => world.disk.stamp(inode, world.clock),
                NewTimestamp::Timestamp(at) => {
                    world.disk.stamp(inode, at.seconds * 1000 + u64::from(at.nanoseconds) / 1_000_000)
                }
            })?;
            Ok((stamped,))
        },
    )
}

fn add_directory_functions(types: &mut Types<'_>) -> wasmtime::Result<()> {
    types.func_wrap(
        "[method]descriptor.open-at",
        |mut cx: Cx<'_>, (base, _, path, open, _): (File, PathFlags, String, OpenFlags, DescriptorFlags)| {
            Ok((cx.data_mut().open_at(base, &path, open)?,))
        },
    )?;
    types.func_wrap("[method]descriptor.stat-at", |mut cx: Cx<'_>, (base, _, path): (File, PathFlags, String)| {
        let base = cx.data().inode(&base)?;
        let found = cx.data_mut().call("stat-at", &path, |world| stat(world, world.disk.cache().find(base, &path)?))?;
        Ok((found,))
    })?;
    types.func_wrap(
        "[method]descriptor.rename-at",
        |mut cx: Cx<'_>, (from, old, to, new): (File, String, File, String)| {
            Ok((cx.data_mut().rename(from, &old, to, &new)?,))
        },
    )?;
    types.func_wrap("[method]descriptor.unlink-file-at", |mut cx: Cx<'_>, (base, path): (File, String)| {
        Ok((cx.data_mut().unlink(base, &path)?,))
    })?;
    types.func_wrap("[method]descriptor.create-directory-at", |mut cx: Cx<'_>, (base, path): (File, String)| {
        let base = cx.data().inode(&base)?;
        Ok((cx.data_mut().call("create-directory-at", &path, |world| world.disk.make_directory(base, &path))?,))
    })?;
    types.func_wrap("[method]descriptor.remove-directory-at", |mut cx: Cx<'_>, (base, path): (File, String)| {
        let base = cx.data().inode(&base)?;
        Ok((cx.data_mut().call("remove-directory-at", &path, |world| world.disk.remove_directory(base, &path))?,))
    })?;
    types.func_wrap("[method]descriptor.read-directory", |mut cx: Cx<'_>, (base,): (File,)| {
        let base = cx.data().inode(&base)?;
        let names = cx.data_mut().call("read-directory", "", |world| {
            Ok(world.disk.cache().entries(base)?.keys().cloned().collect::<Vec<_>>())
        })?;
        Ok((match names {
            Ok(names) => Ok(cx.data_mut().table.push(Entries(names.into_iter()))?),
            Err(code) => Err(code),
        },))
    })?;
    types.func_wrap(
        "[method]directory-entry-stream.read-directory-entry",
        |mut cx: Cx<'_>, (entries,): (Resource<Entries>,)| {
            let entered = cx.data_mut().call("read-directory-entry", "", |_| Ok(()))?;
            let entries = cx.data_mut().table.get_mut(&entries)?;
            Ok((entered.map(|()| {
                // The component does not use the type.
                entries.0.next().map(|name| DirectoryEntry { type_: DescriptorType::Unknown, name })
            }),))
        },
    )
}
