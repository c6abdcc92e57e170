"""The component, and instances of it: one engine in a process, compiled once a machine."""

from __future__ import annotations

import ctypes
import functools
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from wasmtime import Config, Engine, Store, WasiConfig, WasmtimeError
from wasmtime import _ffi as ffi
from wasmtime import component as c
from wasmtime.component import _types as types

from . import forks
from .advisory_locks import HeldLocks
from .directory import lock_file, refuse_lock_files
from .errors import BrokenInstanceError, from_wit
from .locks import LockSpace
from .values import Case, Codec, Signature

VARIABLE = "SESSION3_COMPONENT"
"""The environment variable with the path of `session_store.wasm`."""

_PACKAGE = "session3:sessions"
_VERSION = "0.1.0"
# As much as the `session3` command allows: a session is 16 MiB at most, a listing is in pages.
_MEMORY_LIMIT = 256 << 20


def find(path: str | os.PathLike[str] | None = None) -> Path:
    """Where `session_store.wasm` is: the argument, else `$SESSION3_COMPONENT`, else beside this package's modules.

    FileNotFoundError says what was looked for.
    """
    found = Path(path or os.environ.get(VARIABLE) or Path(__file__).with_name("session_store.wasm"))
    if not found.is_file():
        raise FileNotFoundError(
            f"there is no component at {found}; build it (see the README) and set {VARIABLE} to its path"
        )
    return found


class Component:
    """The compiled component, with the types of its functions."""

    def __init__(self, path: Path) -> None:
        self.engine = _engine()
        self.compiled = c.Component.from_file(self.engine, path)
        self._imports = self.compiled.type.imports(self.engine)
        self._signatures: dict[str, Signature] = {}

    def import_type(self, interface: str, function: str) -> Signature:
        ty = self._imports[interface].ty
        assert isinstance(ty, types.ComponentInstanceType)
        item = ty.exports(self.engine)[function].ty
        assert isinstance(item, types.FuncType)
        return Signature(item)

    def signature(self, name: str, func: c.Func, store: Store) -> Signature:
        known = self._signatures.get(name)
        if known is None:
            known = self._signatures[name] = Signature(func.type(store))
        return known


@functools.cache
def _engine() -> Engine:
    config = Config()
    # Compiling on several threads leaves threads behind that a forked child would wait for.
    config.parallel_compilation = False
    try:
        # Compiled code in the user's cache directory, which Wasmtime makes for the user alone.
        config.cache = True
    except WasmtimeError:
        pass  # No home directory: every process compiles, which takes half a second.
    return Engine(config)


@functools.cache
def load(path: Path) -> Component:
    """The component in a file, compiled when it is asked for first. WasmtimeError when it is none."""
    forks.claim()
    return Component(path)


class Instance:
    """One instance, with its memory, its locks and its view of one directory. One thread at a time may use it."""

    def __init__(self, component: Component, directory: str) -> None:
        forks.claim()
        self.broken = False
        self.handle: c.ResourceAny | None = None
        """The resource that whoever made the instance has opened in it, if any."""
        self._component = component
        self._failure: BaseException | None = None
        self._functions: dict[str, tuple[c.Func, Signature]] = {}
        self._callbacks: list[Any] = []
        self._locks = HeldLocks(LockSpace.of(lock_file(directory)))
        refuse_lock_files(directory)
        self._store = Store(component.engine)
        self._store.set_limits(memory_size=_MEMORY_LIMIT)
        wasi = WasiConfig()
        wasi.preopen_dir(directory, ".")
        self._store.set_wasi(wasi)
        self._linker = self._link()
        self._instance = self._linker.instantiate(self._store, component.compiled)

    def call(self, name: str, *arguments: Any) -> Any:
        """Call a function: `interface/name`, as `session-store/[method]store.load-session`.

        A result's error is raised as a SessionError. ForkedError in a process that cannot call. BrokenInstanceError
        after a trap: the instance is of no use then.
        """
        forks.claim()
        func, signature = self._functions.get(name) or self._look_up(name)
        params = (ffi.wasmtime_component_val_t * len(arguments))()
        lowered = 0
        result = ffi.wasmtime_component_val_t()
        try:
            for codec, argument in zip(signature.params, arguments, strict=True):
                codec.lower(argument, params[lowered])
                lowered += 1
            self._enter(func, params, lowered, result, signature.result)
            value = signature.result.lift(result) if signature.result else None
        finally:
            for index in range(lowered):
                ffi.wasmtime_component_val_delete(ctypes.byref(params[index]))
            if signature.result:
                ffi.wasmtime_component_val_delete(ctypes.byref(result))
        if not signature.fallible:
            return value
        assert isinstance(value, Case)
        if value.name == "err":
            raise from_wit(*value.payload)
        return value.payload

    def _look_up(self, name: str) -> tuple[c.Func, Signature]:
        interface, function = name.split("/")
        parent = self._instance.get_export_index(self._store, f"{_PACKAGE}/{interface}@{_VERSION}")
        index = parent and self._instance.get_export_index(self._store, function, parent)
        func = index and self._instance.get_func(self._store, index)
        if not func:
            raise BrokenInstanceError(f"the component has no {name}")
        self._functions[name] = found = (func, self._component.signature(name, func, self._store))
        return found

    def _enter(self, func: c.Func, params: Any, count: int, result: Any, wanted: Codec | None) -> None:
        error = ffi.wasmtime_component_func_call(
            ctypes.byref(func._func),
            self._store._context(),
            params,
            count,
            ctypes.byref(result) if wanted else None,
            1 if wanted else 0,
        )
        if not error:
            return
        self.broken = True
        failure, self._failure = self._failure, None
        trap = WasmtimeError._from_ptr(error)
        if failure is not None:
            raise failure  # Of ours, or a KeyboardInterrupt that came during the call.
        raise BrokenInstanceError(f"the session component failed: {trap}")

    def drop(self, resource: c.ResourceAny) -> None:
        """Drop a resource of this instance: unlock a guard, discard a session."""
        try:
            resource.drop(self._store)
        except WasmtimeError as error:
            self.broken = True
            raise BrokenInstanceError(f"the session component failed: {error}") from None

    def close(self) -> None:
        """End the instance. Its locks are free after that, and nothing it had begun to write lands later."""
        self.broken = True
        self._store.close()
        self._locks.release_all()

    def _link(self) -> c.Linker:
        linker = c.Linker(self._component.engine)
        linker.add_wasip2()
        locks, events = (f"{_PACKAGE}/{name}@{_VERSION}" for name in ("advisory-locks", "session-events"))
        with linker.root() as root:
            with root.add_instance(locks) as interface:
                interface.add_resource("guard", c.ResourceType.host(0), lambda _, number: self._locks.release(number))
                for name, function in (("acquire", self._locks.acquire), ("scope", self._locks.scope)):
                    self._add(interface, name, self._callback(self._component.import_type(locks, name), function))
            with root.add_instance(events) as interface:
                for name in ("tell", "begin", "end"):
                    self._add(interface, name, _NOTHING)
        return linker

    def _callback(self, signature: Signature, function: Callable[..., Any]) -> Any:
        """A host function. What it raises becomes a trap, and goes on behind the call that led here."""

        def run(_env: Any, context: Any, _type: Any, params: Any, count: int, results: Any, _results: int) -> int:
            try:
                arguments = [codec.lift(params[index]) for index, codec in enumerate(signature.params)]
                value = function(context, *arguments)
                if signature.result:
                    signature.result.lower(value, results[0])
                return 0
            except BaseException as error:
                self._failure = error
                text = b"the host function failed"
                return ctypes.cast(ffi.wasmtime_error_new(text), ctypes.c_void_p).value or 0

        callback = ffi.wasmtime_component_func_callback_t(run)
        self._callbacks.append(callback)
        return callback

    @staticmethod
    def _add(interface: c.LinkerInstance, name: str, callback: Any) -> None:
        error = ffi.wasmtime_component_linker_instance_add_func(
            interface.ptr(), name.encode(), len(name), callback, None, _NO_FINALIZER
        )
        if error:
            raise WasmtimeError._from_ptr(error)


# Nobody listens to events: they are dropped before their parameters are looked at.
_NOTHING = ffi.wasmtime_component_func_callback_t(lambda *_: 0)
_NO_FINALIZER = ctypes.CFUNCTYPE(None, ctypes.c_void_p)()
