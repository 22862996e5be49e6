"""What an `update` verb may change of a thing that exists: --set, --add and --remove on its current values."""

from collections.abc import Collection, Mapping
from typing import Any, Final

from pratique.base.errors import InvalidInput
from pratique.cli.usage import UsageError, nearest
from pratique.specs.edits import Edits
from pratique.specs.overrides import apply_edits
from pratique.specs.reader import YamlDocument, document_of

_TEXTS: Final = ("properties", "tags")
_MAPPINGS: Final = (*_TEXTS, "mirror_traffic", "traffic")


def changes_of(current: Mapping[str, Any], edits: Edits, *, allowed: Collection[str]) -> dict[str, Any]:
    """The fields that change and their whole new values; raises `UsageError` for a field that never changes."""
    for name in edits.fields:
        if name not in allowed:
            near = nearest(name, allowed)
            raise UsageError(
                f"{name!r} cannot be changed; what can: {', '.join(sorted(allowed))}",
                hint=f"did you mean {near[0]}?" if near else "make a new version with create",
            )
    start = {name: current.get(name) or ({} if name in _MAPPINGS else None) for name in edits.fields}
    try:
        changed = apply_edits(document_of(start), edits)
    except InvalidInput as error:
        raise UsageError(error.message, problems=error.problems) from error
    return {name: _new_value(changed, name) for name in edits.fields}


def _new_value(changed: YamlDocument, name: str) -> Any:
    """The new value of a field; what was removed is empty. Tags are text: ``tags.build=010`` stays ``010``."""
    found = changed.value.get(name, {} if name in _MAPPINGS else None)
    if name not in _TEXTS:
        return found
    if not isinstance(found, dict):
        raise UsageError(f"--set {name}: expected {name}.KEY=VALUE")
    return {key: changed.written.get((name, key), str(value)) for key, value in found.items()}
