//! The components that are built into the command; `build.rs` compiles them.

/// Sessions as files: exports `session-store` and `session-manager`.
pub const SESSION_STORE: &[u8] = include_bytes!(env!("SESSION_STORE_WASM"));

/// The web demo: imports them.
pub const WEB_DEMO: &[u8] = include_bytes!(env!("WEB_DEMO_WASM"));

/// Takes `session-events` and drops them.
pub const DROP_EVENTS: &[u8] = include_bytes!(env!("DROP_EVENTS_WASM"));

/// Provides `advisory-locks` with lock files.
pub const LOCK_FILES: &[u8] = include_bytes!(env!("LOCK_FILES_WASM"));

/// The contract: file names and texts.
pub const WIT: [(&str, &str); 5] = [
    ("session-store.wit", include_str!("../../../../../wit/session-store.wit")),
    ("session-manager.wit", include_str!("../../../../../wit/session-manager.wit")),
    ("session-events.wit", include_str!("../../../../../wit/session-events.wit")),
    ("advisory-locks.wit", include_str!("../../../../../wit/advisory-locks.wit")),
    ("world.wit", include_str!("../../../../../wit/world.wit")),
];
