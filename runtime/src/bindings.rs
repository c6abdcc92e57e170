//! The output of `wasmtime::component::bindgen!` for the world `file-backed`: [`FileBacked`] to instantiate the
//! component, [`exports`] to call its stores and managers, and the traits behind [`locks`](crate::locks) and
//! [`events`](crate::events), for hosts that implement their own.

wasmtime::component::bindgen!({
    path: "../wit",
    world: "session3:sessions/file-backed",
    imports: { "session3:sessions/session-events": trappable, default: async | trappable },
    exports: { default: async },
    with: { "session3:sessions/advisory-locks.guard": crate::locks::Guard },
});

/// `session-store` as an import, for [`engines`](crate::engines).
pub mod imported {
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "session3:sessions/manager",
        imports: { default: async | trappable },
        exports: { default: async },
        with: {
            "session3:sessions/session-events": crate::bindings::session3::sessions::session_events,
            "session3:sessions/session-store.store": crate::engines::Store,
            "session3:sessions/session-store.session-guard": crate::engines::Guard,
            "session3:sessions/session-store.session-cursor": crate::engines::Cursor,
        },
    });
}
