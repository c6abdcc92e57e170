"""Two requests that have changed one dictionary, put together key by key."""

from __future__ import annotations

from typing import Any

_ABSENT = object()


def merged(base: dict[str, Any], mine: dict[str, Any], theirs: dict[str, Any]) -> dict[str, Any] | None:
    """What `mine` has changed of `base`, applied to `theirs`. None when both have changed a key, and not to the same.

    >>> merged({"a": 1, "b": 1}, {"a": 2, "b": 1}, {"a": 1, "b": 3})
    {'a': 2, 'b': 3}
    >>> merged({"a": 1}, {"a": 2}, {"a": 3}) is None
    True
    """
    result = dict(theirs)
    for key in base.keys() | mine.keys():
        before, here, there = (each.get(key, _ABSENT) for each in (base, mine, theirs))
        if here == before:
            continue
        if there != before and there != here:
            return None
        if here is _ABSENT:
            result.pop(key, None)
        else:
            result[key] = here
    return result
