"""Which keys of a thing may change once it is there; another key is an error, never silence."""

from collections.abc import Collection, Mapping
from typing import Any

from pratique.base.errors import InvalidInput, Problem


def check_changeable(changes: Mapping[str, Any], changeable: Collection[str], *, what: str) -> None:
    """Raise `InvalidInput` with a problem for each key of `changes` that `what` cannot change."""
    hint = f"changeable: {', '.join(changeable)}"
    if problems := [Problem("cannot be changed", key=key, hint=hint) for key in changes if key not in changeable]:
        raise InvalidInput.of(problems, what=what)
