//! What `wasmtime::component::bindgen!` makes of the world `file-backed`, and nothing else: [`FileBacked`] to
//! instantiate the component, [`exports`] to call its stores and managers, and the traits behind
//! [`add_to_linker`](crate::add_to_linker), for hosts that bring locks of their own.

wasmtime::component::bindgen!({
    path: "../wit",
    world: "session3:sessions/file-backed",
    imports: { default: async | trappable },
    exports: { default: async },
    with: { "session3:sessions/advisory-locks.guard": crate::locks::Guard },
});
