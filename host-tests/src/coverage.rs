//! Code coverage of the component: LLVM's counters, read when an instance ends.
//!
//! `scripts/coverage` compiles the component with counters and names the file in `SESSION3_COVERAGE`. The counters are
//! in an instance's memory, which is therefore allocated here and read when it is dropped, however the instance ended:
//! the component needs no code for it, and the coverage of trapped and killed instances counts as well. The core module
//! is written beside the component, as `llvm-cov` does not read components.

use std::collections::HashMap;
use std::fs::{self, File};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::{env, process};

use wasmparser::{DataKind, KnownCustom, Name, Operator, Parser, Payload};
use wasmtime::{
    Config, InstanceAllocationStrategy, LinearMemory, MemoryCreator, MemoryType, PoolingAllocationConfig, Result,
};

/// The component with counters, if coverage is measured.
pub(crate) fn component() -> Option<PathBuf> {
    env::var_os("SESSION3_COVERAGE").map(PathBuf::from)
}

/// Allocates the memory of instances from this pool or, if coverage is measured, here.
pub(crate) fn allocate(config: &mut Config, pool: PoolingAllocationConfig) -> &mut Config {
    static PROFILE: LazyLock<Option<Arc<Profile>>> =
        LazyLock::new(|| component().map(|file| Profile::of(&file).into()));
    match &*PROFILE {
        None => config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool)),
        Some(profile) => {
            config.with_host_memory(Arc::new(Counted(profile.clone())));
            config.memory_reservation(0).memory_guard_size(0).memory_may_move(true).memory_init_cow(false)
        }
    }
}

/// The counters of all instances of this process.
struct Profile {
    sections: Sections,
    counts: Mutex<Vec<u64>>,
    /// Opened at the start: tests remove the permission to create files, and the space for them.
    file: File,
}

/// A data segment: its address and its bytes.
type Segment = (usize, Vec<u8>);

/// LLVM's sections in the component.
struct Sections {
    counters: Segment,
    functions: Segment,
    names: Segment,
}

impl Profile {
    fn of(component: &Path) -> Self {
        let bytes = fs::read(component).unwrap();
        let (module, sections) = find(&bytes).expect("a component with counters and named segments");
        let core = component.with_extension("core.wasm");
        if !core.exists() {
            replace(&core, module);
        }
        let counts = vec![0; sections.counters.1.len() / size_of::<u64>()];
        let raw = sections.raw(&counts);
        let file = replace(&component.with_extension(format!("{}.profraw", process::id())), &raw);
        Self { sections, counts: Mutex::new(counts), file }
    }

    /// Adds the counters of an instance. The file then has everything that has ever run, though not how often.
    fn add(&self, memory: &[AtomicU8]) {
        let (start, counters) = &self.sections.counters;
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let mut news = false;
        for (count, bytes) in counts.iter_mut().zip(memory[*start..][..counters.len()].as_chunks::<8>().0) {
            let seen = u64::from_le_bytes(bytes.each_ref().map(|byte| byte.load(Ordering::Relaxed)));
            news |= *count == 0 && seen != 0;
            *count = count.saturating_add(seen);
        }
        if news {
            self.file.write_all_at(&self.sections.raw(&counts), 0).unwrap();
        }
    }
}

impl Sections {
    /// LLVM's raw profile, version 10, for 32 bits: <https://llvm.org/docs/InstrProfileFormat.html>.
    fn raw(&self, counts: &[u64]) -> Vec<u8> {
        const MAGIC: u64 = u64::from_be_bytes(*b"\xfflprofR\x81");
        const VERSION: u64 = 10;
        const FUNCTION: usize = 48;
        const LAST_KIND_OF_VALUE: u64 = 2;
        let Self { counters, functions, names } = self;
        let address = |segment: &Segment| u32::try_from(segment.0).unwrap();
        let counters_delta = address(counters).wrapping_sub(address(functions)).into();
        let (functions_len, names_len) = ((functions.1.len() / FUNCTION) as u64, names.1.len() as u64);
        let header = [
            [MAGIC, VERSION, 0, functions_len, 0, counts.len() as u64, 0, 0],
            [0, names_len, counters_delta, 0, address(names).into(), 0, 0, LAST_KIND_OF_VALUE],
        ];
        let mut raw: Vec<u8> = header.as_flattened().iter().flat_map(|word| word.to_le_bytes()).collect();
        raw.extend(&functions.1);
        raw.extend(counts.iter().flat_map(|count| count.to_le_bytes()));
        raw.extend(&names.1);
        raw.resize(raw.len().next_multiple_of(8), 0);
        raw
    }
}

/// Returns the core module of a component, and LLVM's sections in it.
fn find(component: &[u8]) -> Option<(&[u8], Sections)> {
    let mut module = &component[..0];
    let mut segments = Vec::new();
    for payload in Parser::new(0).parse_all(component) {
        match payload.unwrap() {
            Payload::ModuleSection { unchecked_range: Range { start, end }, .. } => {
                module = &component[usize::try_from(start).unwrap()..usize::try_from(end).unwrap()];
            }
            Payload::DataSection(data) => segments = data.into_iter().map(|data| segment(data.unwrap())).collect(),
            Payload::CustomSection(section) => {
                let KnownCustom::Name(names) = section.as_known() else { continue };
                let mut named: HashMap<_, _> = names
                    .into_iter()
                    .filter_map(|name| if let Name::Data(map) = name.unwrap() { Some(map) } else { None })
                    .flatten()
                    .map(|naming| naming.unwrap())
                    .filter_map(|naming| Some((naming.name, segments.get_mut(naming.index as usize)?.take()?)))
                    .collect();
                let mut take = |name| named.remove(name);
                if let (Some(counters), Some(functions), Some(names)) =
                    (take("__llvm_prf_cnts"), take("__llvm_prf_data"), take("__llvm_prf_names"))
                {
                    return Some((module, Sections { counters, functions, names }));
                }
            }
            _ => {}
        }
    }
    None
}

fn segment(data: wasmparser::Data<'_>) -> Option<Segment> {
    let DataKind::Active { offset_expr, .. } = data.kind else { return None };
    let Ok(Operator::I32Const { value }) = offset_expr.get_operators_reader().read() else { return None };
    Some((usize::try_from(value).ok()?, data.data.to_owned()))
}

/// Writes a file atomically: the process may be killed, and other processes write the module too.
fn replace(file: &Path, content: &[u8]) -> File {
    let new = tempfile::NamedTempFile::new_in(file.parent().unwrap()).unwrap();
    new.as_file().write_all_at(content, 0).unwrap();
    new.persist(file).unwrap()
}

/// Creates memories that are read when dropped.
struct Counted(Arc<Profile>);

struct Memory {
    bytes: Vec<AtomicU8>,
    profile: Arc<Profile>,
}

impl Drop for Memory {
    fn drop(&mut self) {
        self.profile.add(&self.bytes);
    }
}

fn zeros(len: usize) -> impl Iterator<Item = AtomicU8> {
    std::iter::repeat_with(|| AtomicU8::new(0)).take(len)
}

#[expect(unsafe_code, reason = "Wasmtime runs code on this memory")]
// SAFETY: each memory is zeroed and owned by the instance it is created for; nothing else accesses it before it is
// dropped. No reservation and no guard are needed: the engine is configured to check bounds and to let memories move.
unsafe impl MemoryCreator for Counted {
    fn new_memory(
        &self,
        _: MemoryType,
        minimum: usize,
        _: Option<usize>,
        reserved: Option<usize>,
        guard: usize,
    ) -> Result<Box<dyn LinearMemory>, String> {
        assert_eq!((reserved.unwrap_or(0), guard), (0, 0));
        Ok(Box::new(Memory { bytes: zeros(minimum).collect(), profile: self.0.clone() }))
    }
}

#[expect(unsafe_code, reason = "Wasmtime runs code on this memory")]
// SAFETY: the pointer covers all of the bytes, which may be written through it as they are atomic. They move only in
// `grow_to`.
unsafe impl LinearMemory for Memory {
    fn byte_size(&self) -> usize {
        self.bytes.len()
    }

    fn byte_capacity(&self) -> usize {
        self.bytes.len()
    }

    fn grow_to(&mut self, new_size: usize) -> Result<()> {
        self.bytes.extend(zeros(new_size - self.bytes.len()));
        Ok(())
    }

    fn as_ptr(&self) -> *mut u8 {
        self.bytes.as_ptr().cast_mut().cast()
    }
}
