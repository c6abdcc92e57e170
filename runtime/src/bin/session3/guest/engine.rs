//! Wasmtime engines: for a server, and for one command.

use std::thread;
use std::time::Duration;
use wasmtime::error::Context;
use wasmtime::{Config, Enabled, Engine, OptLevel, PoolingAllocationConfig, RegallocAlgorithm, Result};

/// How long a guest may compute before it yields to others and its timeout is checked.
const TICK: Duration = Duration::from_millis(10);

/// Limits of one composed component. Some languages link a dozen modules or more.
const MODULES: u32 = 40;
const MEMORIES: u32 = 8;
const TABLES: u32 = 40;

/// Bytes of a memory and of a table that stay resident between instances.
const RESIDENT_MEMORY: usize = 512 << 10;
const RESIDENT_TABLE: usize = 64 << 10;

/// Bytes that a command's memory may reach before it must be moved.
const COMMAND_MEMORY: u64 = 16 << 20;

/// For many short-lived instances of one component, in pooled memory.
pub fn for_server(max_instances: u32, memory_limit: usize) -> Result<Engine> {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(max_instances)
        .total_core_instances(max_instances * MODULES)
        .total_memories(max_instances * MEMORIES)
        .total_tables(max_instances * TABLES)
        .total_stacks(max_instances)
        .max_memory_size(memory_limit)
        // What an instance has written is reset by copying rather than unmapping, which interrupts all cores and makes
        // the next instance fault on each page.
        .linear_memory_keep_resident(RESIDENT_MEMORY)
        .table_keep_resident(RESIDENT_TABLE)
        // Only as many as were in use at once stay resident.
        .max_unused_warm_slots(0)
        .pagemap_scan(Enabled::Auto);
    let mut config = Config::new();
    config.allocation_strategy(pool).epoch_interruption(true);
    let engine = Engine::new(&config)
        .context("cannot reserve address space for that many instances (see --max-instances and `ulimit -v`)")?;
    start_ticker(&engine)?;
    Ok(engine)
}

/// For one instance: optimized for startup, not speed. Compiles in half the time the server takes. Reserves less than
/// the 4 GiB of address space that would elide bounds checks, so as to run under `ulimit -v`.
pub fn for_command() -> Result<Engine> {
    let mut config = Config::new();
    config.cranelift_opt_level(OptLevel::None).cranelift_regalloc_algorithm(RegallocAlgorithm::SinglePass);
    config.memory_reservation(COMMAND_MEMORY).memory_reservation_for_growth(COMMAND_MEMORY);
    config.memory_guard_size(0);
    Engine::new(&config)
}

fn start_ticker(engine: &Engine) -> Result<()> {
    let engine = engine.weak();
    thread::Builder::new().name("ticker".into()).spawn(move || {
        while let Some(engine) = engine.upgrade() {
            engine.increment_epoch();
            drop(engine);
            thread::sleep(TICK);
        }
    })?;
    Ok(())
}
