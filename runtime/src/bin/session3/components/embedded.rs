//! The components embedded in the command; `build.rs` compiles them.

/// Sessions as files: exports `session-store` and `session-manager`.
pub const SESSION_STORE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/session_store.wasm"));

/// The same exports on a `session-store` of the host.
pub const HOST_STORE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/host_store.wasm"));

/// The same exports on a Redis server that the component connects to.
pub const REDIS_STORE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/redis_store.wasm"));

/// The same exports on a Redis server that Spin connects to.
pub const SPIN_REDIS_STORE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/spin_redis_store.wasm"));

/// The web demo: imports both.
pub const WEB_DEMO: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/web_demo.wasm"));

/// Exports `session-events` and drops them.
pub const DROP_EVENTS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/drop_events.wasm"));

/// Provides `advisory-locks` with lock files.
pub const LOCK_FILES: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/lock_files.wasm"));

/// The contract: file names and texts.
pub const WIT: [(&str, &str); 5] = [
    ("session-store.wit", include_str!("../../../../../wit/session-store.wit")),
    ("session-manager.wit", include_str!("../../../../../wit/session-manager.wit")),
    ("session-events.wit", include_str!("../../../../../wit/session-events.wit")),
    ("advisory-locks.wit", include_str!("../../../../../wit/advisory-locks.wit")),
    ("world.wit", include_str!("../../../../../wit/world.wit")),
];
