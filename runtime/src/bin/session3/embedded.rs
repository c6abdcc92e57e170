//! The components that are built into the command; `build.rs` compiles them.

/// Sessions as files: exports `session-store` and `session-manager`.
pub const SESSION_STORE: &[u8] = include_bytes!(env!("SESSION_STORE_WASM"));

/// The web demo: imports them.
pub const WEB_DEMO: &[u8] = include_bytes!(env!("WEB_DEMO_WASM"));
