"""The component and its instances: one engine per process, compiled once per machine."""

from __future__ import annotations

import ctypes
import functools
import os
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

from wasmtime import Config, Engine, Store, WasiConfig, WasmtimeError
from wasmtime import _ffi as ffi
from wasmtime import component as c
from wasmtime.component import _types as types

from . import forks, uninterrupted
from .advisory_locks import HeldLocks
from .directory import check, lock_file, store_in
from .errors import BrokenInstanceError, NoSuchStoreError, from_wit
from .locks import LockSpace
from .values import Case, Codec, Signature

VARIABLE = "SESSION3_COMPONENT"
"""The environment variable with the path of `session_store.wasm`."""

_PACKAGE = "session3:sessions"
_VERSION = "0.2.0"
# The same as in the `session3` command: a session has at most 16 MiB, a listing is paged.
_MEMORY_LIMIT = 256 << 20


def find(path: str | os.PathLike[str] | None = None) -> Path:
    """The path of `session_store.wasm`: the argument, else `$SESSION3_COMPONENT`, else beside this package's modules.

    FileNotFoundError if there is no file at that path.
    """
    found = Path(path or os.environ.get(VARIABLE) or Path(__file__).with_name("session_store.wasm"))
    if not found.is_file():
        raise FileNotFoundError(
            f"no component at {found}; build it (see the README) and set {VARIABLE} to its path"
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
    # Parallel compilation leaves threads behind that a forked child would wait for.
    config.parallel_compilation = False
    try:
        # In the user's cache directory, which Wasmtime creates for the user alone.
        config.cache = True
    except WasmtimeError:
        pass  # No home directory: each process compiles, which takes half a second.
    return Engine(config)


@functools.cache
def load(path: Path) -> Component:
    """The component in a file, compiled at first use. WasmtimeError if the file is not a component."""
    forks.claim()
    return Component(path)


class Instance:
    """One instance, with its memory, its locks and its view of one directory. Only one thread at a time may use it.

    It ends when it is closed, or with its last reference. Nothing it refers to refers back to it: that would delay its
    end until cycles are collected.
    """

    def __init__(self, component: Component, directory: str) -> None:
        forks.claim()
        self.broken = False
        self.handle: c.ResourceAny | None = None
        """The resource that the creator of the instance has opened in it, if any."""
        self._component = component
        # One token, held by the thread inside the instance. Closing takes it for ever.
        self._turn = deque([None])
        self._failures: list[BaseException] = []
        self._functions: dict[str, tuple[c.Func, Signature]] = {}
        self._callbacks: list[Any] = []
        # It may have been replaced since the first check.
        self._directory = check(directory, create=False)
        self._opened: tuple[int, int] | None = None
        self._locks = HeldLocks(LockSpace.of(lock_file(directory)))
        self._store = Store(component.engine)
        self._store.set_limits(memory_size=_MEMORY_LIMIT)
        wasi = WasiConfig()
        wasi.preopen_dir(directory, ".")
        self._store.set_wasi(wasi)
        self._linker = self._link()
        self._instance = self._linker.instantiate(self._store, component.compiled)

    def call(self, name: str, *arguments: Any) -> Any:
        """Call a function: `interface/name`, such as `session-store/[method]store.load-session`.

        A result's error is raised as a SessionError. ForkedError in a forked process that cannot call.
        BrokenInstanceError after a trap, which makes the instance unusable, as does an exception from a signal handler.
        """
        forks.claim()
        return self._do(self._call, name, *arguments)

    def drop(self, resource: c.ResourceAny) -> None:
        """Drop a resource, unless the instance has ended: unlock a guard, discard a session."""
        if not self.broken:
            self._do(self._drop, resource)

    def close(self) -> None:
        """End the instance, or have the thread inside it do so. After that its locks are released, and no write of it
        lands later."""
        self.broken = True
        uninterrupted.run(self._close)

    def _do(self, work: Callable[..., Any], *arguments: Any) -> Any:
        try:
            value, error = uninterrupted.run(self._attempt, work, *arguments)
        except BaseException:
            # From a signal handler. The state of the instance is unknown.
            self.broken = True
            raise
        try:
            if error is not None:
                raise error
            return value
        finally:
            del error

    def _attempt(self, work: Callable[..., Any], *arguments: Any) -> tuple[Any, BaseException | None]:
        """Run work exclusively in the instance. Returns its result, or the exception."""
        try:
            turn = self._turn.pop()
        except IndexError:
            return None, BrokenInstanceError("the session component has ended, or another thread is inside it")
        try:
            return work(*arguments), None
        except BaseException as error:
            return None, error
        finally:
            self._turn.append(turn)
            if self.broken:
                self._close()

    def _close(self) -> None:
        try:
            self._turn.pop()
        except IndexError:
            return
        self._store.close()
        self._locks.release_all()

    def _call(self, name: str, *arguments: Any) -> Any:
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
            error = from_wit(*value.payload)
            # It has a store open that no longer exists.
            self.broken = self.broken or isinstance(error, NoSuchStoreError)
            raise error
        return value.payload

    def remember_store(self) -> None:
        """Record which store it has opened, for `is_current`."""
        self._opened = store_in(self._directory)

    def is_current(self) -> bool:
        """Whether directory and store are still the ones it has opened."""
        return self._locks.is_home() and store_in(self._directory) == self._opened

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
        trap = WasmtimeError._from_ptr(error)
        if self._failures:
            raise self._failures.pop()
        raise BrokenInstanceError(f"the session component failed: {trap}")

    def _drop(self, resource: c.ResourceAny) -> None:
        try:
            resource.drop(self._store)
        except WasmtimeError as error:
            self.broken = True
            raise BrokenInstanceError(f"the session component failed: {error}") from None

    def _link(self) -> c.Linker:
        linker = c.Linker(self._component.engine)
        linker.add_wasip2()
        locks, events = (f"{_PACKAGE}/{name}@{_VERSION}" for name in ("advisory-locks", "session-events"))
        held = self._locks
        with linker.root() as root:
            with root.add_instance(locks) as interface:
                interface.add_resource("guard", c.ResourceType.host(0), lambda _, number: held.release(number))
                for name, function in (("acquire", held.acquire), ("scope", held.scope)):
                    self._add(interface, name, self._callback(self._component.import_type(locks, name), function))
            with root.add_instance(events) as interface:
                for name in ("emit", "begin", "end"):
                    self._add(interface, name, _NOTHING)
        return linker

    def _callback(self, signature: Signature, function: Callable[..., Any]) -> Any:
        """A host function. An exception becomes a trap, and is raised again by the call into the component."""
        failures = self._failures

        def run(_env: Any, context: Any, _type: Any, params: Any, count: int, results: Any, _results: int) -> int:
            try:
                arguments = [codec.lift(params[index]) for index, codec in enumerate(signature.params)]
                value = function(context, *arguments)
                if signature.result:
                    signature.result.lower(value, results[0])
                return 0
            except BaseException as error:
                failures.append(error)
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


# Events are dropped without reading their parameters.
_NOTHING = ffi.wasmtime_component_func_callback_t(lambda *_: 0)
_NO_FINALIZER = ctypes.CFUNCTYPE(None, ctypes.c_void_p)()
