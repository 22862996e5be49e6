"""What an `update` verb may change of a thing that exists: --set and --remove on its current values."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from pratique.cli.usage import UsageError, nearest
from pratique.specs.overrides import apply_overrides
from pratique.specs.reader import Document, document_of

_TEXTS: Final = ("properties", "tags")
_MAPPINGS: Final = (*_TEXTS, "mirror_traffic", "traffic")


def changes_of(
    current: Mapping[str, Any], *, assignments: Sequence[str], removals: Sequence[str] = (), allowed: Collection[str]
) -> dict[str, Any]:
    """The fields that change and their whole new values; raises `UsageError` for a field that never changes."""
    fields = {_field(words) for words in (*assignments, *removals)}
    for name in fields:
        if name not in allowed:
            near = nearest(name, allowed)
            raise UsageError(
                f"{name!r} cannot be changed; what can: {', '.join(sorted(allowed))}",
                hint=f"did you mean {near[0]}?" if near else "make a new version with create",
            )
    start = {name: current.get(name) or ({} if name in _MAPPINGS else None) for name in fields}
    changed = apply_overrides(document_of(start), assignments)
    for path in removals:
        _remove(changed.value, path)
    return {name: _as_text(changed, name) if name in _TEXTS else changed.value.get(name) for name in fields}


def _as_text(changed: Document, name: str) -> dict[str, str]:
    """Tags and properties are text: ``tags.build=010`` stays ``010``."""
    found = changed.value.get(name)
    if not isinstance(found, dict):
        raise UsageError(f"--set {name}: expected {name}.KEY=VALUE")
    return {key: changed.written.get((name, key), str(value)) for key, value in found.items()}


def _field(words: str) -> str:
    """The first name of ``tags.stage=prod`` or ``tags.stage``."""
    return words.partition("=")[0].partition(".")[0].partition("[")[0].strip()


def _remove(document: dict[str, Any], path: str) -> None:
    name, _, rest = path.partition(".")
    if rest and not (isinstance(document.get(name), dict) and rest in document[name]):
        raise UsageError(
            f"--remove {path}: there is no such key", hint=f"known: {', '.join(document.get(name) or {}) or 'none'}"
        )
    if rest:
        del document[name][rest]
    else:
        document[name] = {} if isinstance(document.get(name), dict) else None
