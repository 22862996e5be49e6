"""Values inside values: mappings and lists as a file nests them, and what stands at a key of them."""

from collections.abc import Mapping
from typing import Any

from pratique.specs.keys import Key, dotted


def copied(value: Any) -> Any:
    """Lists and mappings afresh: an alias may have put one in two places."""
    if isinstance(value, Mapping):
        return {name: copied(inner) for name, inner in value.items()}
    return [copied(inner) for inner in value] if isinstance(value, list) else value


def value_at(value: Any, key: Key) -> Any:
    """What is at `key`; None when there is nothing."""
    for part in key:
        value = _inside(value, part)
    return value


def put(value: Any, key: Key, given: Any) -> list[Key]:
    """Put `given` at `key`, and say which mappings and lists were made; raises `ValueError` when the way is barred."""
    inner, made = value, []
    for depth, part in enumerate(key[:-1]):
        here = key[: depth + 1]
        if _inside(inner, part) is None:
            _place(inner, part, [] if isinstance(key[depth + 1], int) else {}, here)
            made.append(here)
        inner = _inside(inner, part)
    _place(inner, key[-1], given, key)
    return made


def _inside(value: Any, part: str | int) -> Any:
    if isinstance(value, dict) and isinstance(part, str):
        return value.get(part)
    return value[part] if isinstance(value, list) and isinstance(part, int) and part < len(value) else None


def _place(inner: Any, part: str | int, given: Any, key: Key) -> None:
    around = dotted(key[:-1]) or "the file"
    if isinstance(part, str):
        if not isinstance(inner, dict):
            raise ValueError(f"{around} is not a mapping, so it has no {part}")
        inner[part] = given
        return
    if not isinstance(inner, list):
        raise ValueError(f"{around} is not a list, so it has no [{part}]")
    if part > len(inner):
        raise ValueError(f"{around} has {len(inner)} items, so the next is [{len(inner)}]")
    inner[part : part + 1] = [given]
