"""A three-way merge of dictionaries, key by key."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def merged(
    base: dict[str, Any], mine: dict[str, Any], theirs: dict[str, Any], dumped: Callable[[Any], object]
) -> dict[str, Any] | None:
    """Apply the changes from `base` to `mine` to `theirs`. None if both have changed a key to different values.

    Values are compared by their `dumped` bytes: a NaN is not equal to itself, nor an object without `__eq__` to its
    copy, and True is equal to 1.

    >>> from json import dumps
    >>> merged({"a": 1, "b": 1}, {"a": 2, "b": 1}, {"a": 1, "b": 3}, dumps)
    {'a': 2, 'b': 3}
    >>> merged({"a": 1}, {"a": 2}, {"a": 3}, dumps) is None
    True
    >>> merged({"a": float("nan"), "b": 1}, {"a": float("nan"), "b": True}, {"a": float("nan"), "b": 1}, dumps)
    {'a': nan, 'b': True}
    """
    before, here, there = ({key: dumped(value) for key, value in each.items()} for each in (base, mine, theirs))
    result = dict(theirs)
    for key in base.keys() | mine.keys():
        if here.get(key) == before.get(key):
            continue
        if there.get(key) not in (before.get(key), here.get(key)):
            return None
        if key in mine:
            result[key] = mine[key]
        else:
            result.pop(key, None)
    return result
