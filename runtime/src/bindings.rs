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
