"""The header fields of a response: the application's, merged with those of its session."""

from __future__ import annotations

from collections.abc import Iterable

from .manager import HeaderField


def merged(own: Iterable[HeaderField], finished: Iterable[HeaderField]) -> list[HeaderField]:
    """Merge the application's fields with those of its session.

    `Vary` is the union. The application's `Cache-Control` is kept only if it bars shared caches, with `private` or
    `no-store`.

    >>> session = [("set-cookie", "a=1"), ("cache-control", "no-store"), ("vary", "Cookie")]
    >>> merged([("Vary", "Accept"), ("Cache-Control", "public, max-age=60")], session)
    [('Vary', 'Accept, Cookie'), ('set-cookie', 'a=1'), ('cache-control', 'no-store')]
    >>> merged([("Vary", "*"), ("Cache-Control", "private, max-age=60")], session)
    [('Vary', '*'), ('Cache-Control', 'private, max-age=60'), ('set-cookie', 'a=1')]
    """
    fields = list(own)
    for name, value in finished:
        if name == "vary":
            _vary(fields, value)
        elif name == "cache-control":
            _cache(fields, value)
        else:
            fields.append((name, value))
    return fields


def _vary(fields: list[HeaderField], value: str) -> None:
    at = [index for index, (name, _) in enumerate(fields) if name.lower() == "vary"]
    named = [each for index in at for each in _list(fields[index][1])]
    if "*" in named or value.lower() in named:
        return
    if at:
        name, own = fields[at[0]]
        fields[at[0]] = name, f"{own}, {value}" if own.strip() else value
    else:
        fields.append(("vary", value))


def _cache(fields: list[HeaderField], value: str) -> None:
    own = [each for name, value in fields if name.lower() == "cache-control" for each in _list(value)]
    # `private="a field"` leaves the rest of the response shared.
    if not {"private", "no-store"} & set(own):
        fields[:] = [field for field in fields if field[0].lower() != "cache-control"]
        fields.append(("cache-control", value))


def _list(value: str) -> list[str]:
    return [each.strip().lower() for each in value.split(",")]
