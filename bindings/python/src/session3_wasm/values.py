"""Conversion between component values and Python values.

Wasmtime's own conversion queries the types at each call and converts a list of bytes byte by byte: some milliseconds
for a session of 10 kB. Here the types are queried once, and bytes are copied as a block.

| WIT | Python |
|---|---|
| bool, integers, f64, string, enum | bool, int, float, str, str |
| list<u8>, other lists | bytes, list |
| record, tuple | a tuple in the order of the fields; for a record, any sequence is accepted |
| option | the value, or None |
| variant, result | `Case` |
| own, borrow | `ResourceAny` |
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any, NamedTuple

from wasmtime import _ffi as ffi
from wasmtime import component as c
from wasmtime.component import _types as types


class Case(NamedTuple):
    """A case of a variant or a result (`ok`, `err`)."""

    name: str
    payload: Any = None


class Codec(NamedTuple):
    """Converts values of one type."""

    lower: Callable[[Any, Any], None]
    """Write a value into a slot, a `wasmtime_component_val_t`, which then owns it."""
    lift: Callable[[Any], Any]
    """Read a slot, which still owns its value."""


class Signature:
    """A function's parameters and result. `fallible`: the result is a `result`."""

    def __init__(self, ty: types.FuncType) -> None:
        self.params = [codec(param) for _, param in ty.params]
        result = ty.result
        self.result = None if result is None else codec(result)
        self.fallible = isinstance(result, types.ResultType)


def codec(ty: types.ValType) -> Codec:
    """The codec of a type. TypeError for types that the contract does not use."""
    if type(ty) in _SCALARS:
        return _scalar(*_SCALARS[type(ty)])
    if isinstance(ty, types.String):
        return _text(ffi.WASMTIME_COMPONENT_STRING.value, "string")
    if isinstance(ty, types.EnumType):
        return _text(ffi.WASMTIME_COMPONENT_ENUM.value, "enumeration")
    if isinstance(ty, types.ListType):
        return _BYTES if isinstance(ty.element, types.U8) else _list(codec(ty.element))
    if isinstance(ty, types.RecordType):
        return _record([(name, codec(field)) for name, field in ty.fields])
    if isinstance(ty, types.TupleType):
        return _tuple([codec(element) for element in ty.elements])
    if isinstance(ty, types.OptionType):
        return _option(codec(ty.payload))
    if isinstance(ty, types.ResultType):
        return _result({"ok": _codec_or_none(ty.ok), "err": _codec_or_none(ty.err)})
    if isinstance(ty, types.VariantType):
        return _variant({name: _codec_or_none(payload) for name, payload in ty.cases})
    if isinstance(ty, (types.OwnType, types.BorrowType)):
        return _RESOURCE
    raise TypeError(f"values of the type {ty} are not supported")


def _codec_or_none(ty: types.ValType | None) -> Codec | None:
    return None if ty is None else codec(ty)


_SCALARS: dict[type, tuple[int, str, type]] = {
    types.Bool: (ffi.WASMTIME_COMPONENT_BOOL.value, "boolean", bool),
    types.U32: (ffi.WASMTIME_COMPONENT_U32.value, "u32", int),
    types.U64: (ffi.WASMTIME_COMPONENT_U64.value, "u64", int),
    types.S64: (ffi.WASMTIME_COMPONENT_S64.value, "s64", int),
    types.F64: (ffi.WASMTIME_COMPONENT_F64.value, "f64", float),
}
_LIMITS: dict[str, tuple[int, int]] = {"u32": (0, 2**32), "u64": (0, 2**64), "s64": (-(2**63), 2**63)}


def _scalar(kind: int, field: str, python: type) -> Codec:
    limits = _LIMITS.get(field)

    def lower(value: Any, slot: Any) -> None:
        if not issubclass(type(value), python):
            raise TypeError(f"{value!r} is not of the type {python.__name__}")
        # ctypes would truncate the number.
        if limits and not limits[0] <= value < limits[1]:
            raise OverflowError(f"{value} does not fit into {field}")
        setattr(slot.of, field, value)
        slot.kind = kind

    return Codec(lower, lambda slot: python(getattr(slot.of, field)))


def _text(kind: int, field: str) -> Codec:
    def lower(value: str, slot: Any) -> None:
        setattr(slot.of, field, ffi.str_to_capi(value))
        slot.kind = kind

    return Codec(lower, lambda slot: _string(getattr(slot.of, field)))


def _string(vec: Any) -> str:
    return ctypes.string_at(vec.data, vec.size).decode()


_SIZE = ctypes.sizeof(ffi.wasmtime_component_val_t)
_OFFSET = ffi.wasmtime_component_val_t.of.offset


def _lower_bytes(value: bytes, slot: Any) -> None:
    if not isinstance(value, bytes):
        raise TypeError(f"expected bytes, not {type(value).__name__}")
    size = len(value)
    raw = ffi.wasmtime_component_vallist_t()
    ffi.wasmtime_component_vallist_new_uninit(ctypes.byref(raw), size)
    image = bytearray(size * _SIZE)
    image[::_SIZE] = bytes([ffi.WASMTIME_COMPONENT_U8.value]) * size
    image[_OFFSET::_SIZE] = value
    if size:
        ctypes.memmove(raw.data, (ctypes.c_char * len(image)).from_buffer(image), len(image))
    slot.of.list = raw
    slot.kind = ffi.WASMTIME_COMPONENT_LIST.value


def _lift_bytes(slot: Any) -> bytes:
    raw = slot.of.list
    return ctypes.string_at(raw.data, raw.size * _SIZE)[_OFFSET::_SIZE] if raw.size else b""


_BYTES = Codec(_lower_bytes, _lift_bytes)


def _all(codecs: list[Codec], values: Any, slots: Any) -> None:
    """Lower the values of a container. On an error its memory leaks, as it is only partly initialised."""
    for index, (element, value) in enumerate(zip(codecs, values, strict=True)):
        element.lower(value, slots[index])


def _list(element: Codec) -> Codec:
    def lower(value: list[Any], slot: Any) -> None:
        raw = ffi.wasmtime_component_vallist_t()
        ffi.wasmtime_component_vallist_new_uninit(ctypes.byref(raw), len(value))
        _all([element] * len(value), value, raw.data)
        slot.of.list = raw
        slot.kind = ffi.WASMTIME_COMPONENT_LIST.value

    def lift(slot: Any) -> list[Any]:
        raw = slot.of.list
        return [element.lift(raw.data[index]) for index in range(raw.size)]

    return Codec(lower, lift)


def _tuple(elements: list[Codec]) -> Codec:
    def lower(value: tuple[Any, ...], slot: Any) -> None:
        raw = ffi.wasmtime_component_valtuple_t()
        ffi.wasmtime_component_valtuple_new_uninit(ctypes.byref(raw), len(elements))
        _all(elements, value, raw.data)
        slot.of.tuple = raw
        slot.kind = ffi.WASMTIME_COMPONENT_TUPLE.value

    def lift(slot: Any) -> tuple[Any, ...]:
        data = slot.of.tuple.data
        return tuple([element.lift(data[index]) for index, element in enumerate(elements)])

    return Codec(lower, lift)


def _record(fields: list[tuple[str, Codec]]) -> Codec:
    def lower(value: Any, slot: Any) -> None:
        raw = ffi.wasmtime_component_valrecord_t()
        ffi.wasmtime_component_valrecord_new_uninit(ctypes.byref(raw), len(fields))
        for index, ((name, field), part) in enumerate(zip(fields, value, strict=True)):
            entry = raw.data[index]
            field.lower(part, entry.val)
            entry.name = ffi.str_to_capi(name)
        slot.of.record = raw
        slot.kind = ffi.WASMTIME_COMPONENT_RECORD.value

    def lift(slot: Any) -> tuple[Any, ...]:
        data = slot.of.record.data
        return tuple([field.lift(data[index].val) for index, (_, field) in enumerate(fields)])

    return Codec(lower, lift)


def _boxed(payload: Codec | None, value: Any) -> Any:
    if payload is None:
        return None
    inner = ffi.wasmtime_component_val_t()
    payload.lower(value, inner)
    return ffi.wasmtime_component_val_new(ctypes.byref(inner))


def _option(payload: Codec) -> Codec:
    def lower(value: Any, slot: Any) -> None:
        slot.of.option = None if value is None else _boxed(payload, value)
        slot.kind = ffi.WASMTIME_COMPONENT_OPTION.value

    def lift(slot: Any) -> Any:
        inner = slot.of.option
        return payload.lift(inner.contents) if inner else None

    return Codec(lower, lift)


def _result(cases: dict[str, Codec | None]) -> Codec:
    def lower(value: Case, slot: Any) -> None:
        slot.of.result.val = _boxed(cases[value.name], value.payload)
        slot.of.result.is_ok = value.name == "ok"
        slot.kind = ffi.WASMTIME_COMPONENT_RESULT.value

    def lift(slot: Any) -> Case:
        raw = slot.of.result
        return _case(cases, "ok" if raw.is_ok else "err", raw.val)

    return Codec(lower, lift)


def _variant(cases: dict[str, Codec | None]) -> Codec:
    def lower(value: Case, slot: Any) -> None:
        slot.of.variant.val = _boxed(cases[value.name], value.payload)
        slot.of.variant.discriminant = ffi.str_to_capi(value.name)
        slot.kind = ffi.WASMTIME_COMPONENT_VARIANT.value

    def lift(slot: Any) -> Case:
        raw = slot.of.variant
        return _case(cases, _string(raw.discriminant), raw.val)

    return Codec(lower, lift)


def _case(cases: dict[str, Codec | None], name: str, inner: Any) -> Case:
    payload = cases[name]
    return Case(name) if payload is None else Case(name, payload.lift(inner.contents))


def _lower_resource(value: c.ResourceAny, slot: Any) -> None:
    slot.of.resource = ffi.wasmtime_component_resource_any_clone(value.ptr())
    slot.kind = ffi.WASMTIME_COMPONENT_RESOURCE.value


def _lift_resource(slot: Any) -> c.ResourceAny:
    return c.ResourceAny._from_ptr(ffi.wasmtime_component_resource_any_clone(slot.of.resource))


_RESOURCE = Codec(_lower_resource, _lift_resource)
